"""Commits steps for ever. `python -m tests.store.writer DIRECTORY [FILE_SIZE_LIMIT]`; ends with status 3 on a StoreError."""

import resource
import sys
from itertools import count
from pathlib import Path

from chargepoint.store import StoreError
from tests.store.making import commit, opened, step


def main(directory: str, limit_bytes: str | None = None) -> int:
    store = opened(Path(directory))
    first = store.snapshot().next_transaction
    if limit_bytes is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit_bytes), int(limit_bytes)))
    try:
        for number in count(first):
            commit(store, *step(number))
            print(number, flush=True)
            if number % 7 == 0:
                store.checkpoint()
    except StoreError as error:
        print(error, file=sys.stderr)
        return 3
    except BrokenPipeError:
        return 4
    raise AssertionError("it never ends by itself")


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
