"""The control socket, and the Central System as a process with its command-line client."""

import asyncio
import json
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from hil.csms import CentralSystem
from hil.csms.__main__ import main
from hil.csms.control import LINE_BYTES_MAX, Control
from tests.csms.fake_station import BOOT, IDENTITY, FakeStation, fake_station, start_of, stop_of

ROOT = Path(__file__).parents[2]


class Client:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def line(self) -> dict[str, Any]:
        async with asyncio.timeout(5):
            text = await self.reader.readline()
        assert text, "the control socket has closed"
        message = json.loads(text)
        assert isinstance(message, dict)
        return message

    async def ask(self, do: str, **arguments: Any) -> dict[str, Any]:
        self.writer.write(json.dumps({"id": 7, "do": do, **arguments}).encode() + b"\n")
        answer = await self.line()
        assert answer.pop("id") == 7
        return answer

    async def good(self, do: str, **arguments: Any) -> dict[str, Any]:
        answer = await self.ask(do, **arguments)
        assert answer.pop("ok"), answer
        return answer


@asynccontextmanager
async def client_of(path: Path) -> AsyncIterator[Client]:
    reader, writer = await asyncio.open_unix_connection(path, limit=2**24)
    try:
        yield Client(reader, writer)
    finally:
        writer.close()


@pytest.fixture
async def control(cs: CentralSystem, tmp_path: Path) -> AsyncIterator[Control]:
    served = Control(cs, tmp_path / "c.sock")
    await served.start()
    yield served
    await served.stop()
    assert not served.path.exists()


@pytest.fixture
async def client(control: Control) -> AsyncIterator[Client]:
    async with client_of(control.path) as connected:
        yield connected


async def test_a_call_and_its_answer(client: Client, station: FakeStation) -> None:
    station.answers["Reset"] = ["InternalError", "no"]
    assert await client.good("call", action="ClearCache", identity=IDENTITY) == {"answer": {"status": "Accepted"}}
    failed = await client.ask("call", action="Reset", payload={"type": "Soft"})
    assert (failed["ok"], failed["code"]) == (False, "InternalError")
    station.answers["Reset"] = None
    late = await client.ask("call", action="Reset", payload={"type": "Soft"}, timeout_s=0.05)
    assert late["error"] == f"{IDENTITY} did not answer Reset in 0.05 s"


async def test_other_requests_are_answered_while_a_call_waits(client: Client, station: FakeStation) -> None:
    station.answers["Reset"] = None
    request = {"id": "slow", "do": "call", "action": "Reset", "payload": {"type": "Soft"}, "timeout_s": 0.3}
    client.writer.write(json.dumps(request).encode() + b"\n")
    assert (await client.good("state"))["online"] is True
    assert (await client.line())["id"] == "slow"


async def test_rules_settings_and_id_tags(cs: CentralSystem, client: Client, station: FakeStation) -> None:
    listed = await client.good("rules", action="Authorize", times=2, what={"error": "GenericError"})
    assert listed["rules"] == [{"action": "Authorize", "identity": None, "left": 2, "error": "GenericError"}]
    await client.good("rules", action="Heartbeat", always=True, what={"drop": True})
    assert len((await client.good("rules"))["rules"]) == 2
    assert (await client.good("rules", clear=True))["rules"] == []
    await client.good("id", tag="AB", status="Blocked")
    assert (await station.ask("Authorize", {"idTag": "ab"}))["idTagInfo"]["status"] == "Blocked"
    await client.good("set", interval_s=17, boot_status="Pending", clock_offset_s=-60, password="hex:00ff")
    boot = await station.ask("BootNotification", BOOT)
    assert (boot["interval"], boot["status"]) == (17, "Pending")
    assert cs.settings.password == b"\x00\xff"
    assert (await client.good("state"))["clock_offset_s"] == -60


async def test_expectations_over_the_socket(client: Client, station: FakeStation) -> None:
    await station.ask("StartTransaction", start_of())
    found = await client.good("expect", action="StartTransaction", fields={"connectorId": 1})
    assert found["frame"]["payload"]["idTag"] == "04A2B3C4"
    assert found["reply"]["transactionId"] == 1
    await station.ask("Heartbeat")
    await client.good("forget")
    gone = await client.ask("expect", action="Heartbeat", timeout_s=0.01)
    assert "no Heartbeat() from" in gone["error"]


async def test_cut_freeze_offline_online(cs: CentralSystem, client: Client, station: FakeStation) -> None:
    await cs.station(IDENTITY)
    await client.good("freeze")
    assert (await client.good("state"))["stations"][IDENTITY]["frozen"] is True
    await client.good("thaw")
    assert await client.good("cut") == {"cut": 1}
    assert await station.next() is None
    assert await client.ask("freeze") == {"ok": False, "error": f"{IDENTITY} is not connected"}
    await client.good("offline")
    assert (await client.good("state"))["online"] is False
    await client.good("online")
    await client.good("offline", seconds=0.05)
    await asyncio.wait_for(cs.wait_online(), 3)
    async with fake_station(cs.url) as back:
        await back.ask("Heartbeat")


async def test_frames_are_followed(cs: CentralSystem, client: Client, station: FakeStation) -> None:
    await station.ask("Heartbeat")
    past = await client.good("messages", follow=True, last=2)
    assert [frame["kind"] for frame in past["frames"]] == ["call", "result"]
    await station.ask("StopTransaction", stop_of(99))
    kinds = [(await client.line())["frame"]["kind"] for _ in range(3)]
    assert kinds == ["call", "complaint", "result"]
    books = (await client.good("books"))["books"]
    assert books["transactions"] == []
    assert "never started" in books["complaints"][0]["text"]


async def test_a_follower_that_does_not_read_is_dropped(cs: CentralSystem, control: Control, station: FakeStation) -> None:
    with socket.socket(socket.AF_UNIX) as lazy:
        lazy.connect(str(control.path))
        lazy.sendall(b'{"do": "messages", "follow": true, "last": 0}\n')
        await asyncio.to_thread(lazy.recv, 4096)
        big = {"vendorId": "x", "data": "y" * 500_000}
        for _ in range(12):
            await station.ask("DataTransfer", big)

        def drained() -> int:
            lazy.settimeout(3)
            total = 0
            while data := lazy.recv(2**16):
                total += len(data)
            return total

        assert await asyncio.to_thread(drained) < 12 * 500_000
    async with client_of(control.path) as other:
        await other.good("state")


BAD: dict[str, tuple[bytes, str]] = {
    "no json": (b"{\n", "Expecting property name"),
    "a list": (b"[]\n", "one JSON object a line is expected"),
    "nothing to do": (b"{}\n", "do: None is unknown; known: call"),
    "nobody there": (b'{"do": "call", "action": "Reset"}\n', "identity: needed, since there are 0 stations: none"),
    "a stranger": (b'{"do": "freeze", "identity": "X"}\n', "'X' was never here"),
    "a bad rule": (b'{"do": "rules", "action": "Boot", "what": {}}\n', "'Boot' is none that a station sends"),
    "a rule without what": (b'{"do": "rules", "action": "Heartbeat"}\n', "what: missing"),
    "a bad setting": (b'{"do": "set", "interval": 5}\n', "interval: unknown; known: interval_s"),
    "a setting of the wrong type": (b'{"do": "set", "interval_s": true}\n', "int is expected, found True"),
    "a boot status that is none": (b'{"do": "set", "boot_status": "Fine"}\n', "'Fine' is none of Accepted"),
    "too many frames": (b'{"do": "messages", "last": -1}\n', "last: a number from 0"),
    "a negative time": (b'{"do": "offline", "seconds": -1}\n', "0 to 86400 seconds"),
    "a long line": (b"x" * (LINE_BYTES_MAX + 2) + b"\n", f"a line of more than {LINE_BYTES_MAX} bytes"),
}


@pytest.mark.parametrize("name", BAD)
async def test_a_bad_request_is_answered_with_what_is_wrong(client: Client, name: str) -> None:
    text, wanted = BAD[name]
    client.writer.write(text)
    answer = await client.line()
    assert answer["ok"] is False
    assert wanted in answer["error"]


async def test_quit_ends_after_its_answer(client: Client, control: Control) -> None:
    assert await client.ask("quit") == {"ok": True}
    await asyncio.wait_for(control.ended.wait(), 2)


@asynccontextmanager
async def process(*arguments: str) -> AsyncIterator[tuple[asyncio.subprocess.Process, dict[str, Any]]]:
    """`python -m hil.csms` and its first line."""
    pipe = asyncio.subprocess.PIPE
    program = (sys.executable, "-m", "hil.csms")
    run = await asyncio.create_subprocess_exec(*program, *arguments, stdout=pipe, stderr=pipe, cwd=ROOT)
    try:
        assert run.stdout is not None
        ready = await asyncio.wait_for(run.stdout.readline(), 10)
        yield run, json.loads(ready)
    finally:
        if run.returncode is None:
            run.kill()
        await run.wait()


async def command(*arguments: str) -> tuple[int, str, str]:
    pipe = asyncio.subprocess.PIPE
    program = (sys.executable, "-m", "hil.csms")
    run = await asyncio.create_subprocess_exec(*program, *arguments, stdout=pipe, stderr=pipe, cwd=ROOT)
    out, err = await asyncio.wait_for(run.communicate(), 10)
    assert run.returncode is not None
    return run.returncode, out.decode(), err.decode()


async def test_the_process_its_client_and_its_end(tmp_path: Path) -> None:
    books, control = tmp_path / "books.json", tmp_path / "c.sock"
    options = [
        "--books",
        str(books),
        "--control",
        str(control),
        "--interval",
        "77",
        "--id",
        "BAD=Blocked",
        "--password",
        "geheim",
    ]
    async with process(*options) as (run, ready):
        assert ready["ready"] is True
        assert ready["control"] == str(control)
        assert ready["url"].startswith("ws://127.0.0.1:")
        async with fake_station(ready["url"], password=b"geheim") as station:
            assert (await station.ask("BootNotification", BOOT))["interval"] == 77
            blocked = await station.ask("StartTransaction", start_of("bad"))
            assert blocked["idTagInfo"] == {"status": "Blocked"}
            code, out, _ = await command("call", str(control), "RemoteStopTransaction", '{"transactionId": 1}')
            assert (code, json.loads(out)) == (0, {"status": "Accepted"})
            assert station.calls == [("RemoteStopTransaction", {"transactionId": 1})]
            await station.ask("StopTransaction", stop_of(1))
            code, _, err = await command("call", str(control), "Reset", '{"type": "Warm"}', "--identity", "CK_NONE")
            assert (code, err) == (1, f"identity: 'CK_NONE' was never here; known: {IDENTITY}\n")
            code, out, _ = await command("books", str(control))
            assert "3000" in out
            assert "complaints: none" in out
        run.send_signal(signal.SIGTERM)
        _, err_bytes = await asyncio.wait_for(run.communicate(), 5)
    assert run.returncode == 0
    assert not control.exists()
    assert json.loads(books.read_text())["transactions"][0]["energy_wh"] == 3000
    conversation = err_bytes.decode()
    assert f"{IDENTITY} → BootNotification" in conversation
    assert f"{IDENTITY} ← Accepted" in conversation
    assert f"{IDENTITY} ← RemoteStopTransaction" in conversation
    assert "Traceback" not in conversation


async def test_quit_over_the_socket_ends_the_process_and_log_goes_to_stdout(tmp_path: Path) -> None:
    control = tmp_path / "c.sock"
    async with process("--control", str(control), "--log") as (run, ready):
        async with fake_station(ready["url"]) as station:
            await station.ask("Heartbeat")
        async with client_of(control) as client:
            await client.good("quit")
        out, err = await asyncio.wait_for(run.communicate(), 5)
    assert run.returncode == 0
    assert "→ Heartbeat" in out.decode()
    assert err == b""


@pytest.mark.parametrize(
    ("arguments", "status", "text"),
    [
        (["--id", "ABC"], 2, "id: TAG=STATUS"),
        (["--port", "70000"], 2, "--port: 0 to 65535"),
        (["--tls-cert", "x.pem"], 2, "go together"),
        (["--tls-cert", "x.pem", "--tls-key", "x.pem"], 2, "the TLS files cannot be used"),
        (["--tls-version", "1.2"], 2, "--tls-version needs --tls-cert"),
        (["--tls-cert", "x.pem", "--tls-key", "x.pem", "--tls-version", "1.0"], 2, "invalid choice: '1.0'"),
        (["--host", "192.0.2.1"], 1, "cannot serve 192.0.2.1:0"),
        (["state", "nowhere.sock"], 1, "nowhere.sock"),
        (["do", "nowhere.sock", "rules", "{"], 1, "arguments: no JSON"),
    ],
)
def test_wrong_arguments_are_named(capsys: pytest.CaptureFixture[str], arguments: list[str], status: int, text: str) -> None:
    try:
        code: object = main(arguments)
    except SystemExit as error:
        code = error.code
    assert code == status
    assert text in capsys.readouterr().err
