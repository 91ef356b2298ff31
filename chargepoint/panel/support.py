"""Set-up, Support: the archive for whoever helps, looked at before it is taken along.

Owns one archive at a time, in a file without a name that is gone with the process or after HOLD_S. What is shown and what is
downloaded are the same bytes. What goes into it, and what never does, is the matter of `chargepoint support`, which makes it.
"""

import asyncio
import json
import tarfile
import tempfile
import time
from collections.abc import AsyncIterator
from typing import IO, Any

from msgspec import Struct

from chargepoint.panel.html import Html, Inside, tag
from chargepoint.panel.page import notice, token_field
from chargepoint.panel.panel import Answer, Panel, Request, Wrong
from chargepoint.panel.setup import tabs
from chargepoint.panel.words import Words
from chargepoint.processes import command, environment

HOLD_S = 900.0
MAKE_S = 60.0
BYTES_MAX = 32 << 20
PIECE = 64 * 1024
MEMBERS_MAX = 30
MANIFEST = "manifest.json"  # which does not name itself
PLACE = "/setup/support"


class Made(Struct):
    """An archive. folder: the one that everything in it lies in. manifest: its list, as the command tells it."""

    file: IO[bytes]
    folder: str
    manifest: dict[str, Any]
    bytes: int
    at_s: float

    @property
    def names(self) -> list[str]:
        return [*(str(one.get("name")) for one in self.manifest["members"]), MANIFEST]


class Desk:
    """Makes archives, one at a time, and hands them out."""

    def __init__(self) -> None:
        self._busy = asyncio.Lock()
        self._made: Made | None = None

    def add_to(self, panel: Panel) -> None:
        panel.get(PLACE, self.shown, "installer")
        panel.post(PLACE, self.make)
        panel.get(f"{PLACE}/archive.tar.gz", self.download, "installer")
        panel.get(f"{PLACE}/<name>", self.one, "installer")

    async def shown(self, panel: Panel, request: Request) -> Answer:
        t = request.words
        begin = tag(
            "form",
            token_field(request.reader),
            tag("p", t("One archive for whoever helps with this station. Passwords, keys and card numbers are not in it.")),
            tag("p", t("Nothing leaves the station before you have seen it: first it is shown what goes in."), class_="hint"),
            tag("button", t("Show what goes in"), class_="main"),
            method="post",
            action=PLACE,
            class_="card",
        )
        made = self._there()
        return panel.page(request, t("Support"), tabs(t, PLACE), begin, None if made is None else _listed(t, made))

    async def make(self, panel: Panel, request: Request) -> Answer:
        if self._busy.locked():
            raise Wrong(request.words("An archive is being made already."), 409)
        async with self._busy:
            self._drop()
            self._made = await _made(("--config", panel.config) if panel.config else ())
        if self._made is None:
            raise Wrong(request.words("No archive could be made. On the station itself: chargepoint support"), 502)
        return Answer.see(PLACE)

    async def download(self, panel: Panel, request: Request) -> Answer:
        made = self._kept(request)
        told = f'attachment; filename="{made.folder}.tar.gz"'
        return Answer(_pieces(made), 200, {"Content-Type": "application/gzip", "Content-Disposition": told})

    async def one(self, panel: Panel, request: Request, name: str) -> Answer:
        """A file of the archive, as plain text."""
        made = self._kept(request)
        if name not in made.names:
            raise Wrong(request.words("There is no such file in the archive."), 404)
        text = await asyncio.to_thread(_content, made, name)
        return Answer(text, 200, {"Content-Type": "text/plain; charset=utf-8"})

    def _kept(self, request: Request) -> Made:
        made = self._there()
        if made is None:
            raise Wrong(request.words("The archive is not kept any more. Make it again."), 404)
        return made

    def _there(self) -> Made | None:
        if self._made is not None and time.monotonic() - self._made.at_s > HOLD_S:
            self._drop()
        return self._made

    def _drop(self) -> None:
        self._made = None  # the file has no name: it is gone when its last reader has let go of it


def add_to(panel: Panel) -> None:
    Desk().add_to(panel)


def _listed(t: Words, made: Made) -> Html:
    rows = [_row(t, one) for one in made.manifest["members"]]
    heads = (t("File"), t("Size"), t("What it holds"))
    head = tag("tr", [tag("th", name, scope="col") for name in heads])
    table = tag("table", tag("thead", head), tag("tbody", rows))
    remarks = [notice("warn", tag("p", t("Left out: {what}", what=str(one)))) for one in made.manifest["remarks"]]
    take = tag(
        "a",
        t("Download the archive ({size})", size=_size(t, made.bytes)),
        href=f"{PLACE}/archive.tar.gz",
        class_="button main",
        download=f"{made.folder}.tar.gz",
    )
    scroll = tag("div", table, class_="scroll", tabindex=0, role="region", aria_label=t("What goes in"))
    return tag("section", tag("h2", t("What goes in")), scroll, remarks, tag("p", take, class_="actions"), class_="card")


def _row(t: Words, one: dict[str, Any]) -> Html:
    name = str(one.get("name"))
    holds = t(f"support.{name}") if t.knows(f"support.{name}") else str(one.get("holds"))
    link: Inside = tag("a", name, href=f"{PLACE}/{name}")
    return tag("tr", tag("th", link, scope="row"), tag("td", _size(t, int(one.get("bytes") or 0))), tag("td", holds))


def _size(t: Words, count: int) -> str:
    return f"{count}\N{NO-BREAK SPACE}B" if count < 1_024 else f"{t.number(count / 1_024, 1)}\N{NO-BREAK SPACE}KiB"


async def _made(config: tuple[str, ...]) -> Made | None:
    """By the command, in a process of its own. None where it hung or failed."""
    file = await asyncio.to_thread(tempfile.TemporaryFile)
    process = await asyncio.create_subprocess_exec(
        *command("support", *config, "-"),
        env=environment(),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=file,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(MAKE_S):
            ended = await process.wait()
    except TimeoutError:
        return None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return await asyncio.to_thread(_read, file) if ended == 0 else None


def _read(file: IO[bytes]) -> Made | None:
    size = file.seek(0, 2)
    if size > BYTES_MAX:
        return None
    try:
        with _opened(file) as archive:
            names = archive.getnames()
            folder = names[-1].partition("/")[0]
            held = archive.extractfile(f"{folder}/{MANIFEST}")
            manifest = json.loads(held.read()) if held is not None else {}
    except (tarfile.TarError, OSError, EOFError, KeyError, IndexError, ValueError):
        return None
    listed = manifest.get("members")
    if not isinstance(listed, list) or len(listed) > MEMBERS_MAX or not isinstance(manifest.get("remarks"), list):
        return None
    return Made(file, folder, manifest, size, time.monotonic())


def _opened(file: IO[bytes]) -> tarfile.TarFile:
    file.seek(0)
    return tarfile.open(fileobj=file, mode="r:gz")


def _content(made: Made, name: str) -> str:
    with _opened(made.file) as archive:
        held = archive.extractfile(f"{made.folder}/{name}")
        return "" if held is None else held.read().decode("utf-8", "replace")


async def _pieces(made: Made) -> AsyncIterator[bytes]:
    place = 0
    while place < made.bytes:
        made.file.seek(place)  # another reader may have moved it meanwhile
        piece = made.file.read(PIECE)
        place += len(piece)
        yield piece
