"""The demo as a process of its own, started from a folder that is not the project's; nothing of it may be left behind."""

import asyncio
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]
BOUND_S = 60.0
# In the project's own environment the script itself is run; elsewhere what it would run.
OWN = Path(sys.prefix) == ROOT / ".venv"
DEMO = [str(ROOT / "script" / "demo")] if OWN else [sys.executable, "-m", "hil.demo"]


@contextmanager
def short_folder() -> Iterator[Path]:
    """Paths of Unix sockets are short, so a test's own long folder will not do."""
    with tempfile.TemporaryDirectory(prefix="d-", dir="/tmp") as name:
        yield Path(name)


def environment(folder: Path, **more: str) -> dict[str, str]:
    """As a person's shell has it; temporary folders of the demo come to lie in `folder`."""
    known = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "LC_ALL") if name in os.environ}
    return {**known, "PYTHONPATH": str(ROOT), "TMPDIR": str(folder), "TERM": "xterm", **more}


def left_behind(folder: Path) -> list[str]:
    """Processes that name the folder on their command line."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:  # it has ended meanwhile
                continue
            if str(folder) in command:
                found.append(f"{entry.name}: {command}")
    return found


async def until(holds: Callable[[], bool], what: str) -> None:
    """Returns when the condition holds; fails after BOUND_S."""
    try:
        async with asyncio.timeout(BOUND_S):
            while not holds():  # noqa: ASYNC110 - what other processes do is no event of this one
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise AssertionError(f"{what} did not come within {BOUND_S:g} s") from None


async def run(folder: Path, *arguments: str) -> tuple[int | None, str, str]:
    """Exit status, stdout and stderr of a demo without a terminal and without keys."""
    demo = await start(folder, *arguments)
    try:
        async with asyncio.timeout(BOUND_S):
            out, error = await demo.communicate()
    finally:
        await stop(demo)
    return demo.returncode, out.decode(), error.decode()


async def start(folder: Path, *arguments: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *DEMO,
        *arguments,
        cwd="/",
        env=environment(folder),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def stop(demo: asyncio.subprocess.Process) -> None:
    """Its children end with it: the kernel tells them."""
    if demo.returncode is None:
        demo.kill()
    await demo.wait()
