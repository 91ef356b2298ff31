"""Runs a command that ends when its parent does: `python leash.py PARENT COMMAND...`, where PARENT is the parent's process id.

A demo that is killed outright can end nobody. So the kernel sends its children SIGTERM when it is gone (Linux; elsewhere the
command simply runs). Stands alone and imports little: it is one more start of an interpreter for every child.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main(parent: int, command: list[str]) -> None:
    """Becomes the command, under the same process id; ends at once if the parent is gone already."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(signal.SIGTERM))
        if os.getppid() != parent:
            sys.exit("the demo that wanted this command is gone")
    try:
        os.execvp(command[0], command)
    except OSError as error:
        sys.exit(f"{command[0]} cannot be run: {error.strerror}")


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
