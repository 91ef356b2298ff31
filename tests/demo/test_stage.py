"""What the stage is made of: the service manager, the client of control sockets, the folder; and every key's deed."""

import asyncio
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from hil.demo.keys import FAULT_LETTERS, FAULTS, Hands
from hil.demo.processes import Child, DemoError
from hil.demo.scene import Scene
from hil.demo.service import Service
from hil.demo.sockets import Body, LineClient, Refused, SocketError
from hil.demo.stage import Options, Stage, WaitedInVain, own_folder, staged
from tests.demo.running import left_behind, short_folder, until


@pytest.fixture
def folder() -> Iterator[Path]:
    with short_folder() as made:
        yield made


def service(folder: Path, code: str) -> Service:
    """A station that is this piece of Python; its argument is the number of lines in the file `starts`, from 1."""
    count = f"open({str(folder / 'starts')!r}, 'a').write('x'); n = len(open({str(folder / 'starts')!r}).read())"
    return Service((sys.executable, "-S", "-c", f"import os, sys, time; {count}; {code}"), folder / "station.log", lambda: None)


async def test_a_station_that_asks_for_it_is_started_again(folder: Path) -> None:
    kept = service(folder, "sys.exit(75) if n < 3 else time.sleep(60)")
    await kept.power(folder / "station.toml")
    await until(lambda: kept.starts == 3, "the third start")
    assert (kept.running, kept.ended) == (True, None)
    await kept.stop()
    assert (kept.running, kept.ended, left_behind(folder)) == (False, None, [])


async def test_a_station_that_keeps_asking_stays_off(folder: Path) -> None:
    kept = service(folder, "sys.exit(75)")
    await kept.power(folder / "station.toml")
    await until(lambda: kept.ended is not None, "the end")
    assert kept.ended == "asked to be started again 6 times within 30 s; it stays off"
    assert kept.starts == 6
    await kept.power(folder / "station.toml")
    assert kept.starts > 6
    await kept.stop()


@pytest.mark.parametrize(
    ("code", "ended"),
    [("sys.exit(70)", "exit status 70"), ("os.kill(os.getpid(), 6)", "by signal 6"), ("print('so long')", "exit status 0")],
)
async def test_every_other_end_is_told(folder: Path, code: str, ended: str) -> None:
    kept = service(folder, code)
    await kept.power(folder / "station.toml")
    await until(lambda: kept.ended is not None, "the end")
    assert kept.ended == f"ended by itself, {ended}"
    assert kept.tail() == ("so long" if "so long" in code else "(its log is empty)")


async def test_a_cut_is_no_end_of_its_own_and_an_end_by_order_has_a_status(folder: Path) -> None:
    kept = service(folder, "import signal; signal.signal(15, lambda *_: sys.exit(7)); time.sleep(60)")
    assert await kept.stop() is None
    assert kept.tail() == "(the station was never started)"
    await kept.power(folder / "station.toml")
    await kept.cut()
    assert (kept.running, kept.ended) == (False, None)
    await kept.power(folder / "station.toml")
    assert kept.running
    await kept.stop()
    assert left_behind(folder) == []


async def test_a_child_that_is_never_ready_is_told(folder: Path) -> None:
    says = "import sys; print('{}'); print('why', file=sys.stderr); sys.exit(3)"
    for text, expected in (
        ("", "it did not start .exit status 3.:\nwhy"),
        ("no json", "said b'no json.n' where"),
        ("[]", "said"),
    ):
        child = await Child.start("it", [sys.executable, "-S", "-c", says.format(text)], folder / "log", tells_ready=True)
        if not text:
            child = await Child.start(
                "it", [sys.executable, "-S", "-c", says.replace("print('{}'); ", "")], folder / "log2", tells_ready=True
            )
        with pytest.raises(DemoError, match=expected.replace("it did", "did")):
            await child.ready()
        await child.end()


async def test_a_child_that_ignores_its_end_is_killed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hil.demo.processes.END_S", 0.2)
    deaf = "import signal, time; signal.signal(15, signal.SIG_IGN); print('{}', flush=True); time.sleep(60)"
    child = await Child.start("it", [sys.executable, "-S", "-c", deaf], folder / "log", tells_ready=True)
    assert await child.ready() == {}
    assert await child.end() == -9


async def test_the_client_of_a_control_socket(folder: Path) -> None:
    heard: list[Body] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            request = json.loads(line)
            if request["do"] == "leave":
                writer.close()
                return
            answer = {"id": request["id"], "ok": request["do"] != "no", "error": "never", "what": request.get("what")}
            for message in ({"event": 1}, answer) if request["do"] != "sleep" else ({"id": 99, "ok": True},):
                writer.write(json.dumps(message).encode() + b"\n")
        writer.close()

    async with await asyncio.start_unix_server(serve, folder / "s"):
        client = LineClient(folder / "s", "it", heard.append)
        with pytest.raises(SocketError, match="closed"):
            await client.ask("yes")
        await client.open()
        assert (await client.ask("yes", what=3))["what"] == 3
        assert heard == [{"event": 1}]
        with pytest.raises(Refused, match="never"):
            await client.ask("no")
        with pytest.raises(SocketError, match=r"it did not answer 'sleep' within 0\.1 s"):
            await client.ask("sleep", answer_s=0.1)
        with pytest.raises(SocketError, match="it has closed the connection"):
            await client.ask("leave")
        assert not client.connected
        await client.close()
    with pytest.raises(SocketError, match="does not listen"):
        await LineClient(folder / "nobody", "it").open()


def test_a_folder_of_ones_own(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert own_folder(folder / "a" / "b") == folder / "a" / "b"
    assert (folder / "a" / "b").is_dir()
    with pytest.raises(DemoError, match="holds b already; a demo begins in a folder that is empty or not there yet"):
        own_folder(folder / "a")
    long = folder / ("x" * 100)
    long.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(long))
    made = own_folder(None)
    assert made.parent == Path("/tmp")
    made.rmdir()


class Told(list[str]):
    """What the hands said, the newest last."""

    def __call__(self, text: str) -> None:
        self.append(text)


async def test_every_key_does_what_it_says() -> None:
    """On a real stage, with one connector and a fixed cable."""
    async with staged(Options(connectors=1, tethered=True, speed=300)) as stage:
        told = Told()
        hands = Hands(stage, told)

        async def press(keys: str) -> None:
            for key in keys:
                await hands.press(key, await stage.look())

        await press("x")
        await stage.until("a station", lambda now: now.registration == "Accepted", 20)
        await press("r")
        await until(lambda: told[-1] == "the Central System sent RemoteStartTransaction: Accepted", "an answer")
        await press("p")
        await stage.until("a charge", lambda now: now.flows(1) and now.running_transaction(1) is not None, 10)
        await press("p")
        assert told[-1] == "not done: a car is already plugged at connector 1; unplug it first"
        await press("c")
        await stage.until("a pause", lambda now: now.status(1) == "SuspendedEV", 10)
        await press("c")
        await stage.until("a charge", lambda now: now.flows(1), 10)
        await press("f" + FAULT_LETTERS[FAULTS.index("ground_fault")])
        await stage.until("a fault", lambda now: now.status(1) == "Faulted" and not now.closed(1), 10)
        await press("f" + FAULT_LETTERS[FAULTS.index("ground_fault")] + "fq")
        assert (hands.menu, hands.done, told[-1]) == (False, False, "connector 1: ground_fault cleared")
        await stage.until("an end", lambda now: now.status(1) == "Finishing" and now.queued == 0, 10)
        await press("un")
        await stage.until("loneliness", lambda now: now.link not in ("", "connected"), 10)
        await press("r")
        await until(lambda: told[-1].startswith("not done: "), "a refusal")
        await press("n+-2z")
        assert told[-1] == "energy flows 300 times faster than the clock"
        assert hands.chosen == 1
        await stage.until("company", lambda now: now.link == "connected", 10)
        await stage.system.ask("call", action="Reset", payload={"type": "Soft"})
        await stage.until("a second start", lambda _: stage.service.starts == 2, 20)
        scene = await stage.until("a new life", lambda now: now.registration == "Accepted", 20)
        assert [row["stopped"] is not None for row in scene.rows] == [True]
        assert scene.objections() == []
        await press("xq")
        assert (hands.done, stage.service.running) == (True, False)
        await hands.rest()
        await _waits_in_vain(stage)


async def _waits_in_vain(stage: Stage) -> None:
    def never(now: Scene) -> bool:
        return now.running

    with pytest.raises(WaitedInVain, match=r"a sign of life: not within 0\.1 s") as vain:
        await stage.until("a sign of life", never, 0.1)
    assert vain.value.seen.told()[0] == "station: without power"
