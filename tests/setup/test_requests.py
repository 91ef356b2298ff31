"""What the page of a blank station has done for it: the file is written whole or not at all, whatever was there before."""

import asyncio
import json
import os
from pathlib import Path
from typing import Any

import pytest

from chargepoint import blank
from chargepoint.core.records import PutKey
from chargepoint.registry import check_file
from chargepoint.setup import questions, requests, writing
from hil.csms import CentralSystem, Settings
from tests.cli.stores import keep

ANSWERS = {"url": "ws://cs.example.org/ocpp", "identity": "CK_0001", "authorization_key": "00AABBCC", "page": blank.EVERYWHERE}
WRITES = ("fsync", "replace", "link", "unlink")


class Dark(BaseException):
    """The power is gone."""


def asked(config: Path, do: str = "take", **answers: Any) -> dict[str, Any]:
    line = json.dumps({"do": do, "answers": {**ANSWERS, **answers}}).encode()
    return asyncio.run(requests.answered(line, config, lambda text: None))


@pytest.fixture
def config(tmp_path: Path) -> Path:
    blank.make_code(tmp_path)
    return tmp_path / "chargepoint.toml"


@pytest.mark.parametrize("before", ["", "[station\n"], ids=["no file", "a broken one"])
def test_the_dark_at_any_write_leaves_no_file_or_a_right_one(
    config: Path, before: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    reached = 0
    for at in range(1, 100):
        for path in config.parent.iterdir():
            path.unlink()
        if before:
            config.write_text(before)
        blank.make_code(config.parent)
        left = at

        def counted(real: Any) -> Any:
            def call(*arguments: Any, **more: Any) -> Any:
                nonlocal left
                left -= 1
                if left == 0:
                    raise Dark
                return real(*arguments, **more)

            return call

        with monkeypatch.context() as patched:
            for name in WRITES:
                patched.setattr(os, name, counted(getattr(os, name)))
            try:
                assert asked(config)["taken"] is True
                break
            except Dark:
                reached += 1
        if blank.is_blank(config):
            assert (config.read_text() if config.exists() else "") == before
            assert asked(config)["taken"] is True, "the next try"
        assert check_file(config).problems == ()
        assert config.stat().st_mode & 0o007 == 0
    assert reached >= 6, "it was looked at between its writes"


def test_a_broken_file_is_kept_beside_also_where_it_is_not_ours(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(*names: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    config.write_text("[station\n")
    monkeypatch.setattr(os, "link", forbidden)
    assert asked(config)["taken"] is True
    assert config.with_name("chargepoint.toml.old").read_text() == "[station\n"


def test_a_disk_that_is_full_is_said_and_the_code_still_holds(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = blank.code_of(config.parent)

    def full(path: Path, text: str) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(writing, "_put", full)
    told = asked(config)
    assert told["ok"] is False
    assert "No space left" in told["error"]
    assert not config.exists()
    assert blank.code_of(config.parent) == code


def test_a_key_is_shown_nowhere(config: Path) -> None:
    for do in ("check", "review", "dial", "take"):
        told = json.dumps(asked(config, do, url="ws://127.0.0.1:9", authorization_key="C0FFEE"))
        assert "C0FFEE" not in told, do
    (config.parent / blank.DONE).unlink()
    config.unlink()
    assert "C0FFEE-" not in json.dumps(asked(config, "check", authorization_key="C0FFEE-"))


def test_what_is_looked_at_lies_beside_and_goes(config: Path) -> None:
    stale = config.parent / f"{requests.BESIDE}1.toml"
    stale.write_text("a power cut")
    asked(config, "review")
    assert [path.name for path in config.parent.glob(".*")] == [stale.name]
    (config.parent / f".{config.name}.1.toml").write_text("a power cut")
    asked(config)
    assert not list(config.parent.glob(".*"))


def test_a_station_on_a_bench_has_the_benchs_reader(config: Path) -> None:
    asked(config, kind="simulated", reader={"driver": "none", "place": ""})
    assert '[readers.1]\ndriver = "virtual"' in config.read_text()


def test_what_the_check_of_a_file_remarks_upon_is_seen_before_it_is_taken(config: Path) -> None:
    told = asked(config, "review", url="ws://cs.example.org/ocpp/CK_0001", authorization_key="text:correct horse")
    assert told["problems"] == []
    assert any("url ends with the identity already" in remark for remark in told["remarks"])
    assert "correct horse" not in json.dumps(told)
    assert asked(config, authorization_key="text:correct horse")["taken"] is True
    assert b"correct horse".hex().upper() in config.read_text()


@pytest.mark.parametrize("readable", [True, False])
async def test_a_station_that_ran_for_somebody_else_sends_its_password_to_nobody_new(config: Path, readable: bool) -> None:
    """It was blanked by taking its file away; its database, and in it the password of its Central System, is there."""
    keep(config.parent / "state", PutKey("AuthorizationKey", "0123456789"))
    if not readable:
        (config.parent / "state/station.db").write_bytes(b"no database")
    async with CentralSystem(settings=Settings(password=bytes.fromhex("00AABBCC"))) as cs:
        line = json.dumps({"do": "dial", "answers": {**ANSWERS, "url": cs.url}}).encode()
        told = await requests.answered(line, config, lambda text: None)
    assert [one["level"] for one in told["findings"]] == ["ok"] * len(told["findings"]), told["findings"]
    assert any("password: accepted" in one["text"] for one in told["findings"])


def test_a_station_that_ran_before_says_so_before_it_is_set_up_anew(config: Path) -> None:
    assert questions.OF_BEFORE not in asked(config, "review")["remarks"]
    keep(config.parent / "state", PutKey("AuthorizationKey", "0123456789"))
    assert questions.OF_BEFORE in asked(config, "review")["remarks"]
    (config.parent / "state/station.db").write_bytes(b"no database")
    assert questions.OF_BEFORE in asked(config, "review")["remarks"]
