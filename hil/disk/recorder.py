"""Recorder: everything that changes in one folder, in its order: SQLite's changes and those of the program itself.

Owns the list of operations. SQLite's come through `vfs.Layer`; the program's own (the reserve, the lock, files that are moved
aside, flushed directories) through stand-ins for the functions of `os` that make them.
"""

import contextlib
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

from hil.disk.operations import Flush, FlushFailed, FlushNames, Make, Operation, Remove, Rename, Resize, Write
from hil.disk.vfs import OK, Layer


class Recorder:
    """refuse(operation, name): the result code that SQLite gets instead of its change; OK: it goes on."""

    def __init__(self, folder: Path) -> None:
        self.folder = str(folder)
        self.operations: list[Operation] = []
        self.refuse: Callable[[Operation, str], int] = lambda operation, name: OK
        self._files: dict[str, int] = {}
        self._count = 0

    @contextlib.contextmanager
    def __call__(self) -> Iterator["Recorder"]:
        """Records until it is left. What is in the folder already is the beginning: see `card.Disk`."""
        for name in sorted(os.listdir(self.folder)):
            self._file(name)
        with Layer(self), self._system_calls():
            yield self

    def note(self, operation: Operation) -> None:
        self.operations.append(operation)

    # For the layer below SQLite

    def opened(self, path: str, is_new: bool) -> int:
        name = self._name(path)
        if name is not None and is_new:
            self._made(name)
        return OK

    def deleted(self, path: str, flush_names: bool) -> int:
        name = self._name(path)
        if name is None:
            return OK
        code = self._ask(Remove(name), name)
        if code == OK:
            self._files.pop(name, None)
            if flush_names:
                self.note(FlushNames())
        return code

    def wrote(self, path: str, offset: int, data: bytes) -> int:
        name = self._name(path)
        return OK if name is None else self._ask(Write(self._file(name), offset, data), name)

    def resized(self, path: str, size: int) -> int:
        name = self._name(path)
        return OK if name is None else self._ask(Resize(self._file(name), size), name)

    def flushed(self, path: str, flush_names: bool) -> int:
        name = self._name(path)
        if name is None:
            return OK
        code = self._ask(Flush(self._file(name)), name)
        if code != OK:
            self.note(FlushFailed(self._file(name)))
        elif flush_names:
            self.note(FlushNames())
        return code

    # The program's own

    @contextlib.contextmanager
    def _system_calls(self) -> Iterator[None]:
        with contextlib.ExitStack() as stack:
            for name, stand_in in (
                ("open", self._open),
                ("unlink", self._unlink),
                ("remove", self._unlink),
                ("rename", self._rename),
                ("replace", self._rename),
                ("fsync", self._fsync),
                ("posix_fallocate", self._fallocate),
            ):
                stack.enter_context(mock.patch.object(os, name, self._standing_in(getattr(os, name), stand_in)))
            yield

    def _standing_in(self, real: Any, stand_in: Callable[..., Any]) -> Any:
        return lambda *arguments, **more: stand_in(real, *arguments, **more)

    def _open(self, real: Any, path: Any, flags: int, mode: int = 0o777, **more: Any) -> int:
        name = None if isinstance(path, int) else self._name(path)
        is_new = name is not None and flags & os.O_CREAT and not os.path.exists(path)
        descriptor: int = real(path, flags, mode, **more)
        if name is not None and is_new:
            self._made(name)
        return descriptor

    def _unlink(self, real: Any, path: Any, **more: Any) -> None:
        real(path, **more)
        name = self._name(path)
        if name is not None:
            self._files.pop(name, None)
            self.note(Remove(name))

    def _rename(self, real: Any, old: Any, new: Any, **more: Any) -> None:
        real(old, new, **more)
        names = self._name(old), self._name(new)
        if names[0] is not None and names[1] is not None:
            self._files[names[1]] = self._files.pop(names[0])
            self.note(Rename(names[0], names[1]))

    def _fsync(self, real: Any, descriptor: int) -> None:
        real(descriptor)
        about = os.fstat(descriptor)
        if stat.S_ISDIR(about.st_mode) and os.path.samestat(about, os.stat(self.folder)):
            self.note(FlushNames())

    def _fallocate(self, real: Any, descriptor: int, offset: int, size: int) -> None:
        real(descriptor, offset, size)
        name = self._name(os.readlink(f"/proc/self/fd/{descriptor}"))
        if name is not None:
            self.note(Resize(self._file(name), offset + size))

    # Names and numbers

    def _ask(self, operation: Operation, name: str) -> int:
        code = self.refuse(operation, name)
        if code == OK:
            self.note(operation)
        return code

    def _name(self, path: Any) -> str | None:
        """The name of a file in the folder; None for any other, and for the index of the log, which every start makes anew."""
        folder, name = os.path.split(os.fspath(path))
        return name if folder == self.folder and not name.endswith("-shm") else None

    def _file(self, name: str) -> int:
        if name not in self._files:
            self._files[name] = self._count
            self._count += 1
        return self._files[name]

    def _made(self, name: str) -> None:
        self._files.pop(name, None)
        self.note(Make(name, self._file(name)))
