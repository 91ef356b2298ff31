"""A set-up from a phone, for stories: a blank station, the way in, the forms, the whole way."""

import re
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

import pytest

from chargepoint import blank
from chargepoint.setup import searching
from chargepoint.setup.answers import Reader
from tests.panel.house import House, house, until

KEY = "00AABBCCDDEE"
CENTRAL = {"url": "ws://cs.example.org/ocpp", "identity": "CK_0001", "authorization_key": KEY}


@pytest.fixture(autouse=True)
def no_ports(monkeypatch: pytest.MonkeyPatch) -> None:
    """This machine's own devices are nobody's business."""

    async def none(taken: Sequence[str], progress: Callable[[str], None]) -> list[Reader]:
        return []

    monkeypatch.setattr(searching, "ports", list)
    monkeypatch.setattr(searching, "readers", none)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return tmp_path / "chargepoint.toml"


@pytest.fixture
async def new(tmp_path: Path, config: Path) -> AsyncIterator[House]:
    blank.make_code(tmp_path)
    async with house(tmp_path, blank=config) as made:
        yield made


def text_of(config: Path) -> str:
    """Empty where there is none."""
    return config.read_text() if config.exists() else ""


def lay(config: Path, text: str) -> None:
    config.write_text(text)


async def begun(here: House, config: Path) -> None:
    """In by the code."""
    answer = await here.post("/start", {"code": blank.shown(blank.code_of(config.parent) or "")}, token=False)
    assert (answer.status, answer.headers["location"]) == (303, "/start/central-system")
    here.cookie = answer.headers["set-cookie"].partition(";")[0]


async def begun_again(here: House, config: Path) -> None:
    """In by the code, where something has been answered already."""
    here.cookie = ""
    answer = await here.post("/start", {"code": blank.code_of(config.parent) or ""}, token=False)
    here.cookie = answer.headers["set-cookie"].partition(";")[0]


async def say(here: House, path: str, fields: dict[str, str]) -> tuple[int, str]:
    """A form of the set-up: where it leads, or what the screen says."""
    page = (await here.get("/start/central-system")).text
    token = re.search(r'name="token" content="([0-9a-f]{64})"', page)
    assert token
    if path == "/start/check" and "of" not in fields:
        fields = {**fields, "of": await seen(here)}
    answer = await here.post(path, {**fields, "token": token[1]}, token=False)
    return answer.status, answer.headers.get("location", answer.text)


async def seen(here: House) -> str:
    """Of which answers the fourth screen is."""
    found = re.search(r'name="of" value="([0-9a-f]{64})"', (await here.get("/start/check")).text)
    return found[1] if found else ""


async def parts_of(here: House) -> dict[str, str]:
    """What the third screen offers when its search is over, as it stands."""
    assert (await here.get("/start/parts")).status == 200
    assert here.panel.draft is not None
    await until(lambda: not here.panel.draft.searching)  # type: ignore[union-attr]
    page = (await here.get("/start/parts")).text
    chosen = {
        name: re.search(rf'<select id="{name}".*?<option value="([^"]+)" selected', page, re.DOTALL)
        for name in ("meter", "reader")
    }
    chosen["kind"] = re.search(r'name="kind" value="([^"]+)" checked', page)
    return {**{name: found[1] for name, found in chosen.items() if found}, "current_a_max": "32"}


async def finished(here: House, config: Path, **parts: str) -> str:
    """The whole way; the file."""
    await begun(here, config)
    assert await say(here, "/start/central-system", CENTRAL) == (303, "/start/parts")
    assert await say(here, "/start/parts", {**await parts_of(here), **parts}) == (303, "/start/check")
    assert await say(here, "/start/check", {}) == (303, "/start/done")
    return text_of(config)
