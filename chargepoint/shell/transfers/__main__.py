"""The process of one transfer: a job on stdin, lines of progress and its end on stdout.

Ends by itself when stdin closes: the station that started it is gone, or wants no more of it.
"""

import contextlib
import os
import sys
import threading
import time
from typing import Any

from chargepoint.shell.transfers import address as addresses
from chargepoint.shell.transfers.jobs import Done, Failed, Job, Progress, TransferError, decode_job, encode

TELL_EVERY_S = 0.2
NICE = 10
GONE = 3


def main() -> int:
    job = decode_job(sys.stdin.buffer.readline())
    threading.Thread(target=_end_with_stdin, daemon=True).start()
    with contextlib.suppress(OSError):  # a sandbox may forbid it
        os.nice(NICE)
    try:
        end: Done | Failed = _run(job)
    except TransferError as error:
        end = Failed(str(error), error.hopeless, error.refusal)
    except OSError as error:
        end = Failed(f"{error.filename or job.path}: {error.strerror or error}")
    _say(end)
    return 0


def _run(job: Job) -> Done:
    address = addresses.parse(job.url)
    over = _library(address.scheme)
    teller = _Teller()
    if job.do == "download":
        partial = over.download(job, address, teller.tell)
        return Done(partial.size, partial.moved)
    size = os.stat(job.path).st_size
    with open(job.path, "rb") as file:
        over.upload(job, address, file, size, teller.tell)
    return Done(size, size)


def _library(scheme: str) -> Any:
    """Only what is used is imported."""
    match scheme:
        case "http" | "https":
            from chargepoint.shell.transfers import over_http

            return over_http
        case "ftp" | "ftps":
            from chargepoint.shell.transfers import over_ftp

            return over_ftp
        case _:
            from chargepoint.shell.transfers import over_sftp

            return over_sftp


class _Teller:
    def __init__(self) -> None:
        self._at_s = 0.0

    def tell(self, size: int, total: int | None) -> None:
        now_s = time.monotonic()
        if now_s >= self._at_s:
            self._at_s = now_s + TELL_EVERY_S
            _say(Progress(size, total))


def _say(line: Progress | Done | Failed) -> None:
    sys.stdout.buffer.write(encode(line) + b"\n")
    sys.stdout.buffer.flush()


def _end_with_stdin() -> None:
    while sys.stdin.buffer.read(1):
        pass  # nothing more is said here; the end is what counts
    os._exit(GONE)


if __name__ == "__main__":
    sys.exit(main())
