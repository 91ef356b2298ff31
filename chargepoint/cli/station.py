"""From a configuration to the station that it describes, without anything of the command line: how a machine starts it."""

import contextlib
import gc
import signal
import sys
from pathlib import Path
from types import ModuleType

EXIT_CONFIG = 78  # EX_CONFIG of sysexits(3): starting again does not help


def be(path: Path) -> int:
    """Checks the file and is the station until its end; the exit status."""
    gc.disable()  # what a start loads stays: looking through it again and again for garbage is a twelfth of its time
    try:
        return _be(path)
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    finally:
        gc.enable()


def _be(path: Path) -> int:
    from chargepoint.registry import check_file

    checked = check_file(path, starting=True)
    if checked.settings is None:
        for problem in checked.problems:
            print(problem, file=sys.stderr)
        print(f"chargepoint run: not started, the configuration has {len(checked.problems)} problem(s)", file=sys.stderr)
        return EXIT_CONFIG

    load_websockets()
    from chargepoint.shell.service import main

    return int(main(checked.settings, _collect_again, path, checked.refused))


def load_websockets() -> None:
    """Its released versions name importlib.metadata (with email and zipfile) and never use it: 9 ms of a start, and 2 MB."""
    unused = "importlib.metadata"
    if unused in sys.modules:
        return
    sys.modules[unused] = ModuleType(unused)
    try:
        with contextlib.suppress(AttributeError):  # another version does use it: then it is loaded like any module
            import websockets  # noqa: F401
    finally:
        del sys.modules[unused]


def _collect_again() -> None:
    """From now on garbage is looked for; what a start left of it goes back to the system, and the rest is none."""
    import ctypes

    gc.collect()
    gc.freeze()
    gc.enable()
    with contextlib.suppress(OSError, AttributeError):  # a C library without it
        ctypes.CDLL(None).malloc_trim(0)
