"""`--auto` as a person starts it: an evening that is right, evenings that are spoilt, and every way out."""

import asyncio
import os
import re
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from hil.bench.client import BenchClient
from hil.demo import evening, play
from hil.demo.acts import CORE
from hil.demo.evening import play_evening
from hil.demo.play import Act, Play
from hil.demo.stage import Options
from tests.csms.fake_station import BOOT, fake_station, stop_of
from tests.demo.running import BOUND_S, left_behind, run, short_folder, start, stop, until

ACTS = ("The station boots", "A charge with a card", "A charge by remote control", "A charge without a network", "A power cut")


@pytest.fixture
def folder() -> Iterator[Path]:
    with short_folder() as made:
        yield made


@asynccontextmanager
async def started(folder: Path, *arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
    demo = await start(folder, *arguments)
    try:
        async with asyncio.timeout(BOUND_S):
            yield demo
    finally:
        await stop(demo)


@asynccontextmanager
async def bench_of(directory: Path) -> AsyncIterator[BenchClient]:
    """The bench of a demo that has just been started."""
    await until((directory / "bench.sock").exists, "a bench")
    async with BenchClient(directory / "bench.sock") as bench:
        yield bench


async def test_an_evening_ends_with_books_that_agree_with_the_meters(folder: Path) -> None:
    code, out, error = await run(folder, "--auto", "--speed", "300")
    assert (code, error) == (0, ""), out
    lines = out.splitlines()
    total = re.match(r"Books and meters agree: 4 transactions, (\d+) Wh booked, (\d+) Wh metered \(\d", lines[-1])
    assert total is not None, lines[-1]
    rows = [line.split() for line in lines if line.endswith(" ok")]
    assert [(row[1], row[3]) for row in rows] == [("1", "Local"), ("2", "Remote"), ("1", "Local"), ("2", "PowerLoss")]
    assert sum(int(row[6]) for row in rows) == int(total[1]) == int(total[2]) > 4 * 2_000
    places = [out.index(title) for title in ACTS]
    assert places == sorted(places)
    conversation = [line.split(maxsplit=3)[1:3] for line in lines if re.match(r" +\d\d:\d\d:\d\d [→←] ", line)]
    for told in (
        ["→", "BootNotification"],
        ["←", "RemoteStopTransaction"],
        ["→", "StopTransaction"],
        ["←", "StartTransaction"],
    ):
        assert told in conversation
    assert "\x1b" not in out
    assert (left_behind(folder), os.listdir(folder)) == ([], [])


async def test_a_meter_that_was_turned_back_shows_in_the_verdict(folder: Path) -> None:
    directory = folder / "stage"
    async with started(folder, "--auto", "--acts", "card", "--speed", "300", "--dir", str(directory)) as demo:
        async with bench_of(directory) as bench:
            await bench.wait_for(lambda state: state["connectors"]["1"]["energy_wh"] > 12_400, BOUND_S)
            await bench.do("meter", connector=1, energy_wh=9_000)
        out = (await demo.communicate())[0].decode()
    assert demo.returncode == 1
    lines = out.splitlines()
    assert lines[-1].startswith("Books and meters DIFFER")
    assert [line.split()[1] for line in lines if line.endswith("DIFFERS")] == ["1"]
    assert any(re.match(r"transaction 1: register at the end \(Wh\) is \d+, booked was \d+", line) for line in lines)
    assert (directory / "station.log").stat().st_size > 0


async def test_a_step_that_does_not_come_is_told_with_what_was_seen(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(play, "WAIT_S", 1.0)

    async def breaks(now: Play) -> None:
        await now.stage.bench.do("fault", connector=1, kind="ground_fault", active=True)

    assert await play_evening(Options(), [Act("fault", "Something is broken", breaks), *CORE[:2]]) == 1
    out = capsys.readouterr().out
    assert "1/3  Something is broken" in out
    assert "✗ waited for: it knows every connector as Available\n  not within 1 s\n" in out
    assert re.search(r"connector 1: Faulted \(the Central System knows Faulted\).* faults ground_fault", out)
    assert "INFO    station CK_XXX_0001 runs" in out.split("the end of the station's log:")[1]
    assert out.splitlines()[-1].startswith("The evening broke off")


async def test_an_evening_has_its_end(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evening, "EVENING_S", 1.5)

    async def hangs(now: Play) -> None:
        await now.until("a moon without a sun", lambda _: False, 100.0)

    assert await play_evening(Options(), [*CORE[:1], Act("hang", "Nothing happens", hangs)]) == 1
    out = capsys.readouterr().out
    assert "✗ waited for: the end of the evening\n  not within 1.5 s\n" in out
    assert "station: registration Accepted, link connected" in out


async def test_what_the_central_system_objects_to_spoils_the_verdict(capsys: pytest.CaptureFixture[str]) -> None:
    async def odd(now: Play) -> None:
        system = await now.stage.system.ask("state")
        async with fake_station(system["url"], "STRANGER") as stranger:
            await stranger.ask("BootNotification", BOOT)
            await stranger.ask("StopTransaction", stop_of(77))

    assert await play_evening(Options(), [*CORE[:1], Act("odd", "A stranger comes by", odd)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert "the Central System objects: StopTransaction of transaction 77, which was never started" in lines
    assert lines[-1].startswith("Books and meters DIFFER, or something else is wrong")


async def test_a_refused_command_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    async def errs(now: Play) -> None:
        await now.stage.bench.do("unplug", connector=7)

    assert await play_evening(Options(), [Act("err", "Nobody is there", errs)]) == 1
    assert "no connector 7; there are 1 and 2" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("station", "said"),
    [("false", "(its log is empty)"), ("/no/such/station", "/no/such/station cannot be run: No such file or directory")],
)
async def test_a_station_that_cannot_start_is_told_at_once(folder: Path, station: str, said: str) -> None:
    code, out, _ = await run(folder, "--auto", "--station", station)
    assert code == 1
    assert "waited for: the Central System accepts the station" in out
    assert "the station ended by itself, exit status 1" in out
    assert said in out
    assert left_behind(folder) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
async def test_a_signal_ends_everything(folder: Path, number: signal.Signals) -> None:
    async with started(folder, "--auto") as demo:
        assert demo.stdout is not None
        while b"current flows" not in (line := await demo.stdout.readline()):
            assert line
        assert len(left_behind(folder)) >= 2
        demo.send_signal(number)
        await demo.communicate()
    assert demo.returncode == 128 + number
    assert (left_behind(folder), os.listdir(folder)) == ([], [])


async def test_children_end_with_a_demo_that_was_killed(folder: Path) -> None:
    async with started(folder, "--auto") as demo:
        assert demo.stdout is not None
        while b"accepts the station" not in (line := await demo.stdout.readline()):
            assert line
        assert left_behind(folder)
        demo.kill()
        await until(lambda: not left_behind(folder), "the end of every child")
    assert demo.returncode == -signal.SIGKILL


async def test_a_kept_folder_is_named(folder: Path) -> None:
    code, _, error = await run(folder, "--auto", "--keep", "--station", "false")
    assert code == 1
    (kept,) = os.listdir(folder)
    assert error == f"demo: logs and database are in {folder / kept}\n"
    assert {"station.toml", "bench.log", "csms.log"} <= set(os.listdir(folder / kept))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--acts", "card"], "--acts goes with --auto"),
        (["--auto", "--acts", "card,cinema"], "no act 'cinema'; there are card, remote, offline, power"),
        (["--connectors", "10"], "must be a whole number from 1 to 9, not '10'"),
        (["--speed", "0"], "must be a number from 1 to 3600, not '0'"),
        (["--speed", "nan"], "must be a number from 1 to 3600, not 'nan'"),
        (["--dir", "/proc"], "--dir /proc: holds "),
        (["--dir", "/proc/version"], "--dir /proc/version: File exists"),
        (["--dir", "/tmp/" + 100 * "x"], "the path is too long for Unix sockets; at most 93 bytes"),
        (["--station", "'"], "is no command"),
    ],
)
async def test_wrong_usage_is_one_line(folder: Path, arguments: list[str], said: str) -> None:
    code, out, error = await run(folder, *arguments)
    assert (code, out) == (2, "")
    assert said in error
    assert error.count("\n") == 1
