"""From a configuration to the station that it describes, without anything of the command line: how a machine starts it."""

import contextlib
import gc
import signal
import sys
from collections.abc import Iterator
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
    load_lightly()
    from chargepoint.registry import check_file

    checked = check_file(path, starting=True)
    if checked.settings is None:
        for problem in checked.problems:
            print(problem, file=sys.stderr)
        print(f"chargepoint run: not started, the configuration has {len(checked.problems)} problem(s)", file=sys.stderr)
        return EXIT_CONFIG

    from chargepoint.blank import settle
    from chargepoint.shell.service import main

    settle(path, checked.settings.station.identity)

    return int(main(checked.settings, _collect_again, path, checked.refused))


def load_lightly() -> None:
    """Loads two libraries without what they name and a station does not need of them: 10 ms of a start, and 2.3 MB.

    msgspec takes from typing_extensions, where it is there, what Python has itself. Released versions of websockets name
    importlib.metadata (with email and zipfile) and never use it.
    """
    with _in_place_of("typing_extensions", None):
        import msgspec  # noqa: F401
    with _in_place_of("importlib.metadata", ModuleType("nothing")), contextlib.suppress(AttributeError, ImportError):
        import websockets  # noqa: F401 - a version that does use it is loaded later, like any module


@contextlib.contextmanager
def _in_place_of(name: str, other: ModuleType | None) -> Iterator[None]:
    """Whoever imports a module that nobody has loaded yet finds another one meanwhile; None: that it is not there."""
    if name in sys.modules:
        yield
        return
    sys.modules[name] = other  # type: ignore[assignment]  # None is what importlib documents for it
    try:
        yield
    finally:
        del sys.modules[name]


def _collect_again() -> None:
    """From now on garbage is looked for; what a start left of it goes back to the system, and the rest is none."""
    import ctypes

    gc.collect()
    gc.freeze()
    gc.enable()
    with contextlib.suppress(OSError, AttributeError):  # a C library without it
        ctypes.CDLL(None).malloc_trim(0)
