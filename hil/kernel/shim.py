"""The preloaded library: compiled once per version of its source, kept in build/."""

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

SOURCE = Path(__file__).with_name("shim.c")
BUILD = Path(__file__).parents[2] / "build" / "kernel"
COMPILE_S = 60.0


class ShimError(Exception):
    """The library cannot be made; the text says why."""


def missing(*modules: str) -> str | None:
    """What this machine lacks for the emulated kernel and these vendor modules, with what to install; None: nothing."""
    if not sys.platform.startswith("linux"):
        return "the emulated kernel needs Linux"
    if shutil.which("gcc") is None:
        return "the emulated kernel needs a C compiler: apt-get install gcc libc6-dev"
    if not Path("/usr/include/linux/gpio.h").exists():
        return "the emulated kernel needs the kernel's headers: apt-get install linux-libc-dev libc6-dev"
    lacking = [name for name in modules if importlib.util.find_spec(name) is None]
    return f"the Python module {lacking[0]} is missing: pip install '.[pi]'" if lacking else None


@cache
def library() -> Path:
    """The compiled library; raises ShimError. Two processes that compile at once do not disturb one another."""
    source = SOURCE.read_bytes()
    made = BUILD / f"shim-{os.uname().machine}-{hashlib.sha256(source).hexdigest()[:16]}.so"
    if made.exists():
        return made
    BUILD.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=BUILD) as folder:
        fresh = Path(folder) / made.name
        command = ["gcc", "-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-Werror", "-o", str(fresh), str(SOURCE)]
        done = subprocess.run([*command, "-ldl", "-pthread"], capture_output=True, text=True, timeout=COMPILE_S, check=False)
        if done.returncode:
            raise ShimError(f"gcc cannot compile {SOURCE.name}:\n{done.stderr}")
        fresh.replace(made)
    return made
