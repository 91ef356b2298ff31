"""Progress: one line on a terminal, nothing elsewhere."""

import shutil
import time
from types import TracebackType
from typing import Self, TextIO

EVERY_S = 0.5


class Progress:
    def __init__(self, stream: TextIO, seconds: float) -> None:
        self._stream = stream
        self._on = stream.isatty()
        self._seconds = seconds
        self._began_s = time.monotonic()
        self._shown_s = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.clear()

    def show(self, counts: dict[str, tuple[int, float]], failures: int) -> None:
        """counts: for each target its cases, and the seconds that they took."""
        now_s = time.monotonic()
        if not self._on or now_s - self._shown_s < EVERY_S:
            return
        self._shown_s = now_s
        each = "  ".join(f"{name} {cases} ({cases / max(seconds, 0.001):.0f}/s)" for name, (cases, seconds) in counts.items())
        line = f"{_clock(now_s - self._began_s)} of {_clock(self._seconds)}, {failures} failed  {each}"
        self._write(line[: shutil.get_terminal_size().columns - 1])

    def clear(self) -> None:
        if self._on:
            self._write("")

    def _write(self, text: str) -> None:
        self._stream.write(f"\r\x1b[K{text}")
        self._stream.flush()


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02}"
