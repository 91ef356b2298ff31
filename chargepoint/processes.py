"""This program once more, as a process of its own: what it needs is gone with it, and whatever it takes is its own time.

Owns how it is found: an installed package lies outside of Python's own folders, and its launcher tells only the process that it
starts where. Nothing is looked for in the folder that somebody happens to stand in.
"""

import os
import sys
from collections.abc import Iterable


def command(*arguments: str, module: str = "chargepoint") -> tuple[str, ...]:
    """The words to start `chargepoint ARGUMENTS`, or another module; with `environment`."""
    return (sys.executable, "-P", "-m", module, *arguments)


def environment(kept: Iterable[str] | None = None) -> dict[str, str]:
    """This process's, and where its modules are. kept: the names that alone are taken over; None: all of them."""
    taken = dict(os.environ) if kept is None else {name: os.environ[name] for name in kept if name in os.environ}
    return {**taken, "PYTHONPATH": os.pathsep.join(path or os.getcwd() for path in sys.path)}
