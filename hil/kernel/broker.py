"""The broker: answers the preloaded library for every process of a test, and is the test's hand on lines and chips.

Owns sockets, the thread and the lock. All calls may come from any thread; a watcher is called with the lock held, on the thread
that made the change, and must not block.
"""

import contextlib
import errno
import os
import selectors
import shutil
import socket
import struct
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple, Self

from hil.kernel import abi
from hil.kernel.lines import EVENTS_MAX, Busy, Change, Holder, Line, Lines, Watcher
from hil.kernel.shim import library
from hil.kernel.spi import SpiDevice, SpiFile

LINES = 54
LABEL = "pinctrl-bcm2835"
PI_4B = 0xC03114
WAIT_S = 5.0
MESSAGE_MAX = 65_536
OPEN, IOCTL, READ, WRITE, CLOSE = 1, 2, 3, 4, 5
_HEAD = struct.Struct("=III")
_ANSWER = struct.Struct("=iI")


class Answer(NamedTuple):
    """What a system call gives: bytes for the caller's buffer, its result, descriptors."""

    content: bytes = b""
    result: int = 0
    fds: tuple[socket.socket, ...] = ()


Ask = Callable[[int, int, bytes], Answer]


class Kernel:
    """A kernel for child processes. keeps_outputs: True as on Raspberry Pi OS, False: a line is released with its holder.

    revision: the board that /proc/device-tree names; None leaves the file out, as on a machine that is no Pi. label: what the
    chip calls itself.
    """

    def __init__(self, *, keeps_outputs: bool = True, revision: int | None = PI_4B, label: str = LABEL) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="kernel-", dir="/tmp"))
        self.root = self.directory / "root"
        self._lines = Lines(LINES, keeps_outputs)
        self._label = label
        self._spi: dict[str, SpiDevice] = {}
        self._refused: dict[str, int] = {}
        self._lock = threading.RLock()
        self._changed = threading.Condition(self._lock)
        self._server = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._wake, self._woken = socket.socketpair()
        self._selector = selectors.DefaultSelector()
        self._thread = threading.Thread(target=self._run, name="emulated kernel", daemon=True)
        self._stopping = False
        self._library = library()
        self.file("/dev/gpiochip0", b"")
        if revision is not None:
            self.file("/proc/device-tree/system/linux,revision", struct.pack(">L", revision))

    def __enter__(self) -> Self:
        self._server.bind(str(self.directory / "socket"))
        self._server.listen(64)
        self._selector.register(self._server, selectors.EVENT_READ, self._accept)
        self._selector.register(self._woken, selectors.EVENT_READ, lambda: None)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping = True
        self._wake.send(b".")
        self._thread.join(WAIT_S)
        for key in list(self._selector.get_map().values()):
            if isinstance(key.fileobj, socket.socket):
                key.fileobj.close()
        self._selector.close()
        self._wake.close()
        shutil.rmtree(self.directory, ignore_errors=True)

    def environment(self, base: Mapping[str, str] | None = None) -> dict[str, str]:
        """The environment of a process under this kernel: base (os.environ where left out) with what it needs."""
        return {
            **(os.environ if base is None else base),
            "LD_PRELOAD": str(self._library),
            "HIL_KERNEL_SOCKET": str(self.directory / "socket"),
            "HIL_KERNEL_ROOT": str(self.root),
            "LG_WD": str(self.directory),
        }

    # Files and devices

    def file(self, path: str, content: bytes) -> Path:
        """Gives the processes this file at an absolute path; where it really lies."""
        real = self.root / path.lstrip("/")
        real.parent.mkdir(parents=True, exist_ok=True)
        real.write_bytes(content)
        return real

    def spi(self, bus: int, chip: int, device: SpiDevice) -> None:
        """Puts a chip behind /dev/spidevBUS.CHIP."""
        path = f"/dev/spidev{bus}.{chip}"
        with self._lock:
            self._spi[path] = device
        self.file(path, b"")

    def refuse(self, path: str, error: int | None) -> None:
        """Opening this device fails with errno (ENOENT: not there, EACCES: no permission) until None is given."""
        with self._lock:
            if error is None:
                self._refused.pop(path, None)
            else:
                self._refused[path] = error

    # GPIO lines; levels are those of the wire

    def line(self, number: int) -> Line:
        with self._lock:
            return self._lines.line(number)

    def drive(self, number: int, level: bool | None) -> float:
        """The world drives a line, or lets go of it (None). CLOCK_MONOTONIC just before."""
        with self._changed:
            at_s = time.monotonic()
            self._lines.drive(number, level)
            self._changed.notify_all()
            return at_s

    def resistor(self, number: int, up: bool | None) -> None:
        """A resistor outside the chip to plus (True) or to ground (False)."""
        with self._changed:
            self._lines.resistor(number, up)
            self._changed.notify_all()

    def watch(self, number: int, watcher: Watcher) -> None:
        """Calls watcher(change) at every change of a line, for models of what hangs on it."""
        with self._lock:
            self._lines.watchers.append((number, watcher))

    def changes(self, number: int) -> list[Change]:
        """Every change of a line so far."""
        with self._lock:
            return [change for change in self._lines.history if change.line == number]

    def wait(self, holds: Callable[[], bool], what: str, timeout_s: float = WAIT_S) -> None:
        """Until it holds, looked at after every change of any line or holder; raises TimeoutError."""
        with self._changed:
            if not self._changed.wait_for(holds, timeout_s):
                raise TimeoutError(f"not within {timeout_s:g} s: {what}")

    def wait_level(self, number: int, level: bool, timeout_s: float = WAIT_S) -> float:
        """When (CLOCK_MONOTONIC) the line got the level that it has, once it has it."""
        self.wait(lambda: self._lines.line(number).level == level, f"GPIO{number} {'high' if level else 'low'}", timeout_s)
        return max((change.at_s for change in self.changes(number)), default=0.0)

    def wait_held(self, number: int, held: bool = True, timeout_s: float = WAIT_S) -> Line:
        """The line, once a process holds it (or none does)."""
        what = f"GPIO{number} {'held' if held else 'free'}"
        self.wait(lambda: (self._lines.line(number).holder is not None) == held, what, timeout_s)
        return self.line(number)

    # The thread

    def _run(self) -> None:
        while not self._stopping:
            for key, _ in self._selector.select():
                if isinstance(key.fileobj, socket.socket) and key.fileobj.fileno() >= 0:  # not closed by an event before it
                    key.data()

    def _accept(self) -> None:
        connection, _ = self._server.accept()
        pid = struct.unpack("=iII", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[0]
        opened: list[Ask] = []

        def ask(operation: int, argument: int, payload: bytes) -> Answer:
            if operation == OPEN:
                opened[:] = [self._opened(payload.decode(errors="replace"), pid)]
                return Answer()
            if not opened:
                raise Busy(errno.EBADF)
            return opened[0](operation, argument, payload)

        self._serve(connection, ask, lambda: self._drop(connection))

    def _serve(self, connection: socket.socket, ask: Ask, gone: Callable[[], None]) -> None:
        def answer() -> None:
            try:
                raw = connection.recv(MESSAGE_MAX)
            except OSError:
                raw = b""
            if len(raw) < _HEAD.size:
                gone()
                return
            operation, argument, _ = _HEAD.unpack_from(raw)
            try:
                with self._changed:
                    said = ask(operation, argument, raw[_HEAD.size :])
                    self._changed.notify_all()
            except Busy as refused:
                said = Answer(result=-refused.number)
            with contextlib.suppress(OSError):  # killed meanwhile: the next turn sees it go
                whole = _ANSWER.pack(said.result, len(said.content)) + said.content
                socket.send_fds(connection, [whole], [fd.fileno() for fd in said.fds])
            for fd in said.fds:
                fd.close()

        self._selector.register(connection, selectors.EVENT_READ, answer)

    def _drop(self, connection: socket.socket) -> None:
        if connection.fileno() >= 0:
            self._selector.unregister(connection)
            connection.close()

    def _opened(self, path: str, pid: int) -> Ask:
        if (refused := self._refused.get(path)) is not None:
            raise Busy(refused)
        if path in self._spi:
            return _spi_ask(SpiFile(self._spi[path]))
        if path != "/dev/gpiochip0":
            raise Busy(errno.ENOENT)
        return lambda operation, argument, payload: self._chip(operation, argument, payload, pid)

    def _chip(self, operation: int, request: int, payload: bytes, pid: int) -> Answer:
        if operation != IOCTL:
            raise Busy(errno.EINVAL)
        match request:
            case abi.GPIO_CHIP_INFO:
                return Answer(abi.chip_info("gpiochip0", self._label, len(self._lines)))
            case abi.GPIO_LINE_INFO:
                return Answer(self._lines.info(struct.unpack_from("=I", payload, 64)[0]))
            case abi.GPIO_LINE_REQUEST:
                return Answer(fds=self._claim(abi.request(payload), pid))
        raise Busy(errno.ENOTTY)

    def _claim(self, asked: abi.Request, pid: int) -> tuple[socket.socket, ...]:
        """The two sockets of a line request: events, ioctls. The end of either releases the lines."""
        events, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        requests, theirs_too = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        events.setblocking(False)

        def notify(event: bytes) -> None:
            with contextlib.suppress(OSError):  # full as the kernel's own buffer gets full, or just killed
                events.send(event)

        try:
            holder = self._lines.claim(asked, pid, notify)
        except Busy:
            for end in (events, theirs, requests, theirs_too):
                end.close()
            raise
        events.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, EVENTS_MAX * 1_024)

        def gone() -> None:
            with self._changed:
                self._lines.release(holder)
                self._changed.notify_all()
            self._drop(events)
            self._drop(requests)

        self._selector.register(events, selectors.EVENT_READ, gone)
        self._serve(requests, lambda operation, argument, payload: self._line(holder, operation, argument, payload), gone)
        return theirs, theirs_too

    def _line(self, holder: Holder, operation: int, request: int, payload: bytes) -> Answer:
        if operation == CLOSE:
            self._lines.release(holder)
            return Answer()
        if operation != IOCTL:
            raise Busy(errno.EINVAL)
        match request:
            case abi.GPIO_GET_VALUES:
                _, mask = abi.values(payload)
                return Answer(abi.values_bytes(self._lines.levels(holder, mask), mask))
            case abi.GPIO_SET_VALUES:
                self._lines.set_levels(holder, *abi.values(payload))
                return Answer(payload)
            case abi.GPIO_SET_CONFIG:
                self._lines.configure(holder, abi.configs(payload, len(holder.wires)))
                return Answer(payload)
        raise Busy(errno.ENOTTY)


def _spi_ask(file: SpiFile) -> Ask:
    def ask(operation: int, argument: int, payload: bytes) -> Answer:
        if operation == IOCTL:  # the result of a message is the number of its bytes
            content = file.ioctl(argument, payload)
            return Answer(content, len(content) if argument & 0xFF == 0 else 0)
        if operation == READ:
            content = file.transfer(bytes(argument))
            return Answer(content, len(content))
        if operation == WRITE:
            return Answer(result=len(file.transfer(payload)))
        raise Busy(errno.EINVAL)

    return ask
