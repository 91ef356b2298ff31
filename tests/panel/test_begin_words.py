"""A set-up as somebody reads it who knows no settings file, on a phone, in another language than English."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from chargepoint.panel.begin_pieces import FIELDS, SENTENCES, problems_of
from chargepoint.panel.words import Languages
from chargepoint.setup import searching
from chargepoint.setup.requests import answered
from drivers.meters.search import Found, Setting
from tests.panel.begin import CENTRAL, begun, config, new, no_ports, parts_of, say
from tests.panel.house import House

__all__ = ["config", "new", "no_ports"]  # fixtures

LINE = "/dev/serial/by-id/usb-FTDI_FT232R_USB_UART_AB0JQ7ZD-if00-port0"
SELECT_MAX = 32  # letters that a select shows on a phone
MISTAKES: list[dict[str, Any]] = [
    {"url": "http://cs"},
    {"url": "ws://CK:pw@cs"},
    {"url": "ws://cs?x"},
    {"url": "ws://cs:x"},
    {"url": "ws://:80"},
    {"identity": ""},
    {"authorization_key": "xyz"},
    {"current_a_max": 500.0},
]


async def test_what_is_wrong_with_a_field_is_said_by_its_name_in_the_readers_language(tmp_path: Path) -> None:
    german = Languages().chosen("de", "")
    told = set()
    for mistake in MISTAKES:
        ((key, _),) = mistake.items()
        answer = await answered(_line(mistake), tmp_path / "chargepoint.toml", print)
        shown = str(problems_of(german, answer["problems"]))
        sentence = next((one for one in SENTENCES.values() if german(one) in shown), None)
        assert sentence is not None, (mistake, answer["problems"])
        assert german(sentence) != sentence
        assert german(FIELDS[key].label) in shown
        told.add(sentence)
    assert told == set(SENTENCES.values()), "what check-config says has other words now"


def _line(answers: dict[str, Any]) -> bytes:
    return json.dumps({"do": "check", "answers": answers}).encode()


def test_what_has_no_words_of_the_page_is_told_as_check_config_tells_it() -> None:
    words = Languages().chosen("", "")
    assert "meters 1: something new" in str(problems_of(words, [{"key": "meters", "text": "meters 1: something new"}]))


async def test_no_choice_is_cut_on_a_phone(new: House, monkeypatch: pytest.MonkeyPatch, config: Path) -> None:
    found = Found(line=LINE, setting=Setting(9_600, "N", 1), unit_id=247, maps=("sdm630", "sdm120"), sure=False)

    async def meters(where: object, progress: object) -> tuple[list[Found], list[str]]:
        return [found], []

    monkeypatch.setattr(searching, "ports", lambda: [LINE])
    monkeypatch.setattr(searching, "meters", meters)
    await begun(new, config)
    await say(new, "/start/central-system", CENTRAL)
    assert (await parts_of(new))["kind"] == "socket"
    page = (await new.get("/start/parts")).text
    options = re.findall(r"<option[^>]*>([^<]*)<", page)
    assert [one for one in options if len(one) > SELECT_MAX] == []
    assert options[0] == "sdm630, unit 247, …_AB0JQ7ZD"
    assert "Meters found: 1" in page, "two maps fit it, and it is one"
    assert LINE in page


async def test_without_an_adapter_it_is_said_in_the_readers_language(new: House, config: Path) -> None:
    await begun(new, config)
    await say(new, "/start/central-system", CENTRAL)
    await parts_of(new)
    page = (await new.get("/start/parts", Accept_Language="de")).text
    assert "es gibt keine serielle Schnittstelle; stecken Sie den Adapter an" in page
