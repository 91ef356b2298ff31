"""How a set-up's work is reached, and what is said where it cannot be done; and where the page may be reached."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from chargepoint.cli.main import main
from chargepoint.panel import hands
from chargepoint.panel.door import Door
from chargepoint.panel.hands import Hands, NoHands


@asynccontextmanager
async def saying(path: Path, *lines: bytes, hang: bool = False) -> AsyncIterator[list[bytes]]:
    """A service manager's socket whose process says these lines."""
    heard: list[bytes] = []
    over = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.readline())
        writer.writelines(lines)
        if hang:
            await over.wait()
        writer.close()

    server = await asyncio.start_unix_server(serve, str(path))
    try:
        yield heard
    finally:
        over.set()
        server.close()


async def test_a_request_goes_there_and_the_answer_comes_back_after_the_progress(tmp_path: Path) -> None:
    told: list[str] = []
    async with saying(tmp_path / "s", b'{"progress": "9600"}\n', b'{"ok": true, "meters": []}\n') as heard:
        answer = await Hands(str(tmp_path / "s"), "c").ask("look", {"url": "ws://cs"}, told.append)
    assert (answer["meters"], told) == ([], ["9600"])
    assert json.loads(heard[0]) == {"do": "look", "answers": {"url": "ws://cs"}}


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b"", "without an answer"),
        (b'{"ok": false, "error": "the station is set up already"}\n', "set up already"),
        (b"Traceback\n", "Expecting value"),
        (b'{"x": "' + b"x" * (2 * hands.LINE_MAX) + b'"}\n', "limit"),
    ],
)
async def test_an_answer_that_is_none_is_said(tmp_path: Path, line: bytes, words: str) -> None:
    async with saying(tmp_path / "s", line):
        with pytest.raises(NoHands, match=words):
            await Hands(str(tmp_path / "s"), "c").ask("look", {})


async def test_what_hangs_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hands, "LIMIT_S", 0.05)
    async with saying(tmp_path / "s", hang=True):
        with pytest.raises(NoHands, match="no answer within"):
            await Hands(str(tmp_path / "s"), "c").ask("look", {})


async def test_nobody_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(NoHands, match="No such file"):
        await Hands(str(tmp_path / "nobody"), "c").ask("look", {})


async def test_by_hand_it_is_a_process_of_its_own(tmp_path: Path) -> None:
    told = await Hands(None, str(tmp_path / "station.toml")).ask("check", {"url": "ws://cs/ocpp", "identity": "CK 1"})
    assert told["dials"] == "ws://cs/ocpp/CK%201"


@pytest.mark.parametrize(
    ("request_", "words"),
    [("{", "Invalid|truncated|malformed|Expecting"), ('{"do": "rm"}', "there is no request"), ('{"do": 3}', "Expected")],
)
async def test_a_request_that_is_none_is_answered(tmp_path: Path, request_: str, words: str) -> None:
    from chargepoint.setup.requests import answered

    told = await answered(request_.encode(), tmp_path / "station.toml", print)
    assert told["ok"] is False
    assert re.search(words, str(told["error"]))


async def test_a_station_that_is_set_up_is_asked_in_vain(tmp_path: Path) -> None:
    from chargepoint.setup.requests import REQUESTS, answered

    config = tmp_path / "station.toml"
    config.write_text('[station]\nidentity = "CK"\n')
    for do in REQUESTS:
        told = await answered(json.dumps({"do": do, "answers": {}}).encode(), config, print)
        assert "set up already" in str(told["error"])
    assert config.read_text() == '[station]\nidentity = "CK"\n'


async def test_a_socket_that_was_opened_before_the_settings_is_no_wider_than_they_are() -> None:
    async def handle(reader: asyncio.StreamReader, writer: object) -> None:
        raise AssertionError("it was let in")

    door = Door(handle, ["localhost"], "127.0.0.1")
    server = await asyncio.start_server(door.enter, "0.0.0.0", 0)
    try:
        reader, writer = await asyncio.open_connection("127.0.0.2", server.sockets[0].getsockname()[1])
        writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        async with asyncio.timeout(5):
            said = await reader.read()
        writer.close()
    finally:
        server.close()
        await door.close()
    assert said.startswith(b"HTTP/1.0 403")
    assert b"listen in [panel]" in said


class TestCommand:
    def test_a_blank_station_is_to_be_seen_in_the_network_and_its_code_shown(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        config = tmp_path / "chargepoint.toml"
        assert main(["panel", "--socket-conf", "--config", str(config)]) == 0
        told = capsys.readouterr().out
        assert "[Socket]\nListenStream=\nListenStream=0.0.0.0:8080\n" in told
        assert "[Unit]\nWants=chargepoint-setup-code.service\n" in told
        config.write_text('[station]\nidentity = "CK"\n')
        assert main(["panel", "--socket-conf", "--config", str(config)]) == 0
        assert capsys.readouterr().out == "[Socket]\nListenStream=\nListenStream=127.0.0.1:8080\n"

    def test_whoever_is_logged_in_there_reads_the_code(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        arguments = ["panel", "--password", "--config", str(tmp_path / "chargepoint.toml")]
        assert main(arguments) == 0
        code = capsys.readouterr().out
        assert main(arguments) == 0
        assert capsys.readouterr().out == code
        assert len(code) == len("1234 5678\n")
