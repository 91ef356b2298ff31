"""A layer between SQLite and its own file system functions: it sees every change of a file, and may refuse one.

sqlite3 of the standard library loads the system's libsqlite3; through ctypes the same library is given a VFS that is a copy of
its default one, but for the few functions that change something. It becomes the default while `Layer` is installed, so that the
program under test opens its database as always. See https://www.sqlite.org/vfs.html.
"""

import ctypes
import os
import sqlite3
from collections.abc import Callable
from typing import Any, Protocol

OK = 0
IOERR = 10
OPEN_JOURNALS = 0x00000800 | 0x00080000  # SQLITE_OPEN_MAIN_JOURNAL, SQLITE_OPEN_WAL

_METHODS = (
    *("xClose", "xRead", "xWrite", "xTruncate", "xSync", "xFileSize", "xLock", "xUnlock", "xCheckReservedLock"),
    *("xFileControl", "xSectorSize", "xDeviceCharacteristics", "xShmMap", "xShmLock", "xShmBarrier", "xShmUnmap"),
    *("xFetch", "xUnfetch"),
)
_CALLS = (
    *("xOpen", "xDelete", "xAccess", "xFullPathname", "xDlOpen", "xDlError", "xDlSym", "xDlClose", "xRandomness", "xSleep"),
    *("xCurrentTime", "xGetLastError", "xCurrentTimeInt64", "xSetSystemCall", "xGetSystemCall", "xNextSystemCall"),
)
_POINTER = ctypes.c_void_p


class _Methods(ctypes.Structure):
    _fields_ = [("iVersion", ctypes.c_int), *((name, _POINTER) for name in _METHODS)]


class _Vfs(ctypes.Structure):
    _fields_ = [
        ("iVersion", ctypes.c_int),
        ("szOsFile", ctypes.c_int),
        ("mxPathname", ctypes.c_int),
        ("pNext", _POINTER),
        ("zName", ctypes.c_char_p),
        ("pAppData", _POINTER),
        *((name, _POINTER) for name in _CALLS),
    ]


_OPEN = ctypes.CFUNCTYPE(ctypes.c_int, _POINTER, _POINTER, _POINTER, ctypes.c_int, _POINTER)
_DELETE = ctypes.CFUNCTYPE(ctypes.c_int, _POINTER, _POINTER, ctypes.c_int)
_CLOSE = ctypes.CFUNCTYPE(ctypes.c_int, _POINTER)
_WRITE = ctypes.CFUNCTYPE(ctypes.c_int, _POINTER, _POINTER, ctypes.c_int, ctypes.c_int64)
_TRUNCATE = ctypes.CFUNCTYPE(ctypes.c_int, _POINTER, ctypes.c_int64)
_SYNC = ctypes.CFUNCTYPE(ctypes.c_int, _POINTER, ctypes.c_int)


class Watcher(Protocol):
    """Is told of every change before it is made, and returns OK or the result code that SQLite gets instead of it."""

    def opened(self, path: str, is_new: bool) -> int: ...
    def deleted(self, path: str, flush_names: bool) -> int: ...
    def wrote(self, path: str, offset: int, data: bytes) -> int: ...
    def resized(self, path: str, size: int) -> int: ...
    def flushed(self, path: str, flush_names: bool) -> int: ...


class Unavailable(Exception):
    """This Python's SQLite cannot be looked into; the text says why."""


def library() -> ctypes.CDLL:
    """The very SQLite that the module sqlite3 uses; raises Unavailable."""
    import _sqlite3

    try:
        found = ctypes.CDLL(_sqlite3.__file__)  # finds what the module is linked with, too
        found.sqlite3_vfs_find.restype = ctypes.POINTER(_Vfs)
        found.sqlite3_libversion.restype = ctypes.c_char_p
        version = found.sqlite3_libversion().decode()
    except (AttributeError, OSError) as error:
        raise Unavailable(f"this Python's sqlite3 module does not show its SQLite ({error})") from error
    if version != sqlite3.sqlite_version:
        raise Unavailable(f"ctypes finds SQLite {version}, the module sqlite3 uses {sqlite3.sqlite_version}")
    return found


class Layer:
    """Use as a context manager. What is opened within it is watched until it is closed."""

    def __init__(self, watcher: Watcher) -> None:
        self._watcher = watcher
        self._library = library()
        self._below = self._library.sqlite3_vfs_find(None)
        if not self._below:
            raise Unavailable("this SQLite has no file system functions")
        self._calls = _Vfs.from_buffer_copy(self._below.contents)
        self._open_below = _OPEN(self._calls.xOpen)
        self._delete_below = _DELETE(self._calls.xDelete)
        self._kept: list[Any] = []  # what SQLite holds pointers to
        self._tables: dict[int, _Methods] = {}
        self._paths: dict[int, str] = {}
        self._unflushed: set[int] = set()
        self._calls.pNext = None
        self._calls.zName = b"watched"
        self._calls.xOpen = self._pointer(_OPEN(_guarded(self._open)))
        self._calls.xDelete = self._pointer(_DELETE(_guarded(self._delete)))

    def __enter__(self) -> "Layer":
        if self._library.sqlite3_vfs_register(ctypes.byref(self._calls), 1) != OK:
            raise Unavailable("this SQLite does not take another VFS")
        return self

    def __exit__(self, *_: object) -> None:
        self._library.sqlite3_vfs_unregister(ctypes.byref(self._calls))
        assert not self._paths, f"still open: {sorted(self._paths.values())}"

    def _pointer(self, callback: Any) -> int | None:
        self._kept.append(callback)
        return ctypes.cast(callback, _POINTER).value

    def _open(self, vfs: int, name: int | None, file: int, flags: int, out_flags: int | None) -> int:
        path = os.fsdecode(ctypes.string_at(name)) if name else ""
        is_new = bool(path) and not os.path.exists(path)
        code = self._open_below(ctypes.addressof(self._below.contents), name, file, flags, out_flags)
        if code != OK or not path:
            return int(code)
        code = self._watcher.opened(path, is_new)
        if code != OK:
            return code
        methods = _POINTER.from_address(file)  # the first member of every sqlite3_file
        self._paths[file] = path
        if is_new and flags & OPEN_JOURNALS:
            self._unflushed.add(file)
        methods.value = ctypes.addressof(self._table(methods.value or 0))
        return OK

    def _delete(self, vfs: int, name: int, flush_names: int) -> int:
        path = os.fsdecode(ctypes.string_at(name))
        code = self._watcher.deleted(path, bool(flush_names)) if os.path.exists(path) else OK
        return code or int(self._delete_below(vfs, name, flush_names))

    def _table(self, below: int) -> _Methods:
        """A copy of the methods at `below` with ours in the places of those that change something."""
        if below not in self._tables:
            table = _Methods.from_buffer_copy(_Methods.from_address(below))
            table.xClose = self._pointer(self._closing(_CLOSE(table.xClose)))
            table.xWrite = self._pointer(self._writing(_WRITE(table.xWrite)))
            table.xTruncate = self._pointer(self._truncating(_TRUNCATE(table.xTruncate)))
            table.xSync = self._pointer(self._syncing(_SYNC(table.xSync)))
            self._tables[below] = table
        return self._tables[below]

    def _closing(self, below: Any) -> Any:
        def close(file: int) -> int:
            self._paths.pop(file)
            self._unflushed.discard(file)
            return int(below(file))

        return _CLOSE(_guarded(close))

    def _writing(self, below: Any) -> Any:
        def write(file: int, data: int, size: int, offset: int) -> int:
            code = self._watcher.wrote(self._paths[file], offset, ctypes.string_at(data, size))
            return code or int(below(file, data, size, offset))

        return _WRITE(_guarded(write))

    def _truncating(self, below: Any) -> Any:
        def truncate(file: int, size: int) -> int:
            return self._watcher.resized(self._paths[file], size) or int(below(file, size))

        return _TRUNCATE(_guarded(truncate))

    def _syncing(self, below: Any) -> Any:
        def sync(file: int, flags: int) -> int:
            # With the first flush of a new log or journal SQLite flushes the directory too (unixSync, UNIXFILE_DIRSYNC).
            flush_names = file in self._unflushed
            code = self._watcher.flushed(self._paths[file], flush_names) or int(below(file, flags))
            if code == OK:
                self._unflushed.discard(file)
            return code

        return _SYNC(_guarded(sync))


def _guarded(call: Callable[..., int]) -> Callable[..., int]:
    """An exception cannot pass through SQLite: it becomes an error of the disk, told on stderr."""

    def guarded(*arguments: Any) -> int:
        try:
            return call(*arguments)
        except Exception:
            import traceback

            traceback.print_exc()
            return IOERR

    return guarded
