"""The acts of `--profiles` that keep a station up: new firmware, and an archive of diagnostics.

The demo is the operator's file server, and the service manager that starts the station again.
"""

import io
import json
import re
import tarfile
import time
from collections.abc import Callable, Sequence
from typing import Any

from hil.csms.times import from_iso, to_iso
from hil.demo.files import file_server
from hil.demo.play import Act, Play
from hil.demo.routine import START_S, all_available
from hil.demo.scene import Scene
from hil.demo.service import RESTART_STATUS
from hil.demo.stage import WaitedInVain

VERSION = "1.1.0"
IMAGE_PATH = "/firmware/station-1.1.0.img"
IMAGE = f"chargepoint-firmware {VERSION}\n\n".encode() + b"What a real image would hold.\n" * 20_000
UPDATED = ["Downloading", "Downloaded", "Installing", "Installed"]
UPLOAD_PATH = "/diagnostics"
UPLOADED = ["Uploading", "Uploaded"]
ARCHIVE = re.compile(r"(.+)_(\d{4}-\d\d-\d\d)T(\d\d)-(\d\d)-(\d\d)Z\.tar\.gz")
ARCHIVE_AGE_S = 30.0
MEMBERS = {
    "status.json",
    "health.json",
    "configuration.json",
    "versions.json",
    "ledger.csv",
    "dead_letters.csv",
    "security.csv",
    "log.txt",
    "journal.txt",
    "manifest.json",
}


async def firmware(play: Play) -> None:
    """New firmware is fetched and installed; the station ends, is started again and tells the new version."""
    stage = play.stage
    before, restarts = _version(await stage.look()), stage.service.restarts
    with play.listening("FirmwareStatusNotification") as told:
        async with file_server({IMAGE_PATH: IMAGE}) as files:
            play.page.step(f"The operator puts firmware {VERSION} on a server; the station runs {before}.")
            await play.call("UpdateFirmware", location=files.url + IMAGE_PATH, retrieveDate=to_iso(time.time()))
            await _course(play, "Downloading, Downloaded", told, UPDATED, lambda _: len(told) >= 2)
            once = f"{len(files.given)} times"
            await play.check(f"it was fetched once, {len(IMAGE)} bytes", files.given == [IMAGE_PATH], once)
        await _course(
            play,
            f"Installing; the station ends with exit status {RESTART_STATUS} and is started again",
            told,
            UPDATED,
            lambda _: len(told) >= 3 and stage.service.restarts == restarts + 1,
        )
        await play.until(
            f"BootNotification tells {VERSION}, and is accepted",
            lambda now: now.registration == "Accepted" and _version(now) == VERSION,
            START_S,
        )
        await _course(play, "Installed", told, UPDATED, lambda _: len(told) == len(UPDATED))
        await play.until("it knows every connector as Available", all_available)
        await play.check("each was told once", told == UPDATED, f"told was {', '.join(told)}")
    play.shown += [f"{before} became {_version(await stage.look())}", ", ".join(told)]


async def diagnostics(play: Play) -> None:
    """An archive is uploaded, can be opened, and holds what it should and no card's number."""
    identity, version = _identity(scene := await play.stage.look()), _version(scene)
    with play.listening("DiagnosticsStatusNotification") as told:
        async with file_server({}) as files:
            play.page.step("The operator asks for diagnostics.")
            answer = await play.call("GetDiagnostics", location=files.url + UPLOAD_PATH)
            await _course(play, "Uploading, Uploaded", told, UPLOADED, lambda _: told == UPLOADED)
            name = str(answer.get("fileName"))
            came = ", ".join(files.taken) or "nothing"
            await play.check(f"{name} is on the server", list(files.taken) == [f"{UPLOAD_PATH}/{name}"], f"{came} is there")
            data = files.taken[f"{UPLOAD_PATH}/{name}"]
    wrong = misnamed(name, identity, time.time())
    await play.check("its name tells station and time", not wrong, wrong)
    members = await _opened(play, data)
    play.page.text("\n".join(f"{member:20} {len(text):7} bytes" for member, text in members.items()))
    found = set(members)
    await play.check("it holds what it should", found == MEMBERS, f"these are missing or too many: {sorted(found ^ MEMBERS)}")
    tells = _told_by(members)
    await play.check("it is this station's", tells == (identity, version), f"it tells of {tells}")
    cards = {session.id_tag for session in play.sessions}
    bare = sorted(card for card in cards if any(card in text for text in members.values()))
    await play.check("no card's number stands in it", not bare, f"{', '.join(bare)} can be read")
    play.shown += [f"{name}: {len(data)} bytes, {len(members)} files", ", ".join(told)]


async def _course(play: Play, what: str, told: list[str], course: Sequence[str], holds: Callable[[Scene], bool]) -> None:
    """Waits as `Play.until`, for as long as what is told follows the course."""

    def followed(now: Scene) -> bool:
        if told != course[: len(told)]:
            raise WaitedInVain(what, f"the station told {', '.join(told)}", now)
        return holds(now)

    await play.until(what, followed)


async def _opened(play: Play, data: bytes) -> dict[str, str]:
    """The members of the archive, without its folder."""
    try:
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:gz") as archive:
            files = {one.name.rpartition("/")[2]: archive.extractfile(one) for one in archive.getmembers()}
            members = {name: file.read().decode() for name, file in files.items() if file is not None}
    except (tarfile.TarError, OSError, EOFError, UnicodeDecodeError) as error:
        await play.check("it can be opened", False, str(error))
        raise
    await play.check(f"it can be opened: {len(data)} bytes, {len(members)} files", bool(members), "it is empty")
    return members


def _told_by(members: dict[str, str]) -> tuple[Any, Any]:
    """Station and firmware, as the archive has them."""
    return json.loads(members["manifest.json"])["station"], json.loads(members["versions.json"])["firmware"]


def misnamed(name: str, identity: str, now_s: float) -> str:
    """What is wrong with the name of an archive that was just made; empty: nothing. now_s: seconds since 1970."""
    parts = ARCHIVE.fullmatch(name)
    if parts is None:
        return f"{name} is not of the form {identity}_2026-01-31T12-00-00Z.tar.gz"
    if parts[1] != identity:
        return f"it names {parts[1]} where {identity} is right"
    made_s = from_iso(f"{parts[2]}T{parts[3]}:{parts[4]}:{parts[5]}Z")
    if made_s is None:
        return "it names no time"
    return "" if abs(made_s - now_s) < ARCHIVE_AGE_S else f"it names a time {made_s - now_s:+.0f} s from now"


def _identity(now: Scene) -> str:
    return next(iter(now.system["stations"]), "")


def _version(now: Scene) -> str:
    """The firmware that the last BootNotification told."""
    boot = now.system["stations"].get(_identity(now), {}).get("boot") or {}
    return str(boot.get("firmwareVersion", ""))


UPKEEP = (
    Act("firmware", "New firmware, from a server to BootNotification", firmware),
    Act("diagnostics", "An archive of diagnostics", diagnostics),
)
