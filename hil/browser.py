"""A browser without a window, and the station's page as a process: for stories that look at it, and for pictures of it."""

import asyncio
import contextlib
import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.async_api import Browser

from chargepoint.panel.guard import Access

ROOT = Path(__file__).resolve().parents[1]
CHROMIUM = "/usr/bin/chromium"
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
READY_S = 20.0
END_S = 5.0


def missing() -> str | None:
    """What there is to install before a browser can be had; None where there is nothing."""
    if importlib.util.find_spec("playwright") is None:
        return "the Python package playwright: pip install -e '.[test]'"
    if shutil.which(CHROMIUM) is None:
        return f"{CHROMIUM}: apt-get install chromium fonts-dejavu-core"
    return None


@asynccontextmanager
async def browser() -> AsyncIterator["Browser"]:
    from playwright.async_api import async_playwright

    async with async_playwright() as play:
        opened = await play.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        try:
            yield opened
        finally:
            await opened.close()


class PageProcess:
    """`chargepoint panel` for a configuration. listen: where; port 0 is any."""

    def __init__(self, config: Path, state_dir: Path) -> None:
        self._config = config
        self._access = Access(state_dir / "panel")
        self._process: asyncio.subprocess.Process | None = None
        self.address = ""

    async def start(self, listen: str = "127.0.0.1:0") -> str:
        """Starts it; its address. Raises RuntimeError where it does not listen."""
        command = [sys.executable, "-m", "chargepoint", "panel", "--config", str(self._config), "--listen", listen]
        self._process = await asyncio.create_subprocess_exec(
            *command,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        assert self._process.stdout is not None
        async with asyncio.timeout(READY_S):
            self.address = (await self._process.stdout.readline()).decode().strip()
        if not self.address:
            raise RuntimeError(f"the page did not start: {' '.join(command)}")
        return self.address

    def password(self) -> str:
        return self._access.first_password() or self._access.reset("installer")

    async def stop(self) -> None:
        if self._process is None or self._process.returncode is not None:
            return
        self._process.terminate()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(END_S):
                await self._process.wait()
        if self._process.returncode is None:
            self._process.kill()
            await self._process.wait()
