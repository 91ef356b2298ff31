"""`--auto --profiles` as a person starts it: right, and spoilt; and what it is made of."""

import asyncio
import re
import shlex
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from hil.demo.files import BODY_BYTES_MAX, file_server
from hil.demo.programme import Entry, table
from hil.demo.steps import Step, differences, expected
from hil.demo.style import text_of
from hil.demo.upkeep_acts import misnamed
from tests.demo.running import left_behind, run, short_folder

ACTS = ("boot", "list", "reservation", "charging", "firmware", "diagnostics")
STATION = f"exec {shlex.quote(sys.executable)} -m chargepoint run"


@pytest.fixture
def folder() -> Iterator[Path]:
    with short_folder() as made:
        yield made


async def test_every_profile_is_played_and_comes_out_right(folder: Path) -> None:
    code, out, error = await run(folder, "--auto", "--profiles", "--speed", "300")
    assert (code, error) == (0, ""), out
    lines = out.splitlines()
    assert re.match(r"All 6 acts came out right\. Books and meters agree: 3 transactions, (\d+) Wh booked, \1 Wh ", lines[-1])
    rows = [line.split() for line in lines[lines.index("The acts:") + 2 : -2]]
    assert [(row[1], row[-1]) for row in rows] == [(name, "ok") for name in ACTS]
    assert "offered 20, 16, 0, 10, 20 A;" in out
    assert "1.0.0 became 1.1.0; Downloading, Downloaded, Installing, Installed" in out
    calls = [line.split()[2:] for line in lines if re.match(r" +\d\d:\d\d:\d\d → ", line)]
    assert [call[-1] for call in calls if call[0] == "FirmwareStatusNotification"] == [
        "Downloading",
        "Downloaded",
        "Installing",
        "Installed",
    ]
    assert [call[-1] for call in calls if call[0] == "DiagnosticsStatusNotification"] == ["Uploading", "Uploaded"]
    assert any("reservationId" in call and "42," in call for call in calls if call[0] == "StartTransaction")
    assert re.search(r"^ +ledger\.csv +\d+ bytes$", out, re.MULTILINE)
    assert left_behind(folder) == []


@pytest.mark.parametrize(
    ("act", "spoilt", "said"),
    [
        (
            "reservation",
            "sed -i 's/^.configuration.$/&\\nSupportedFeatureProfiles = \"Core\"/' station.toml",
            "answered was {'status': 'Rejected'}",
        ),
        ("firmware", "mkdir -p state/firmware-version.new", "the station told Downloading, Downloaded, Installing, Install"),
    ],
)
async def test_a_spoilt_act_is_told_and_is_no_success(folder: Path, act: str, spoilt: str, said: str) -> None:
    wrapper = shlex.join(["sh", "-c", f'{spoilt}; {STATION} "$@"', "station"])
    code, out, _ = await run(folder, "--auto", "--profiles", "--acts", act, "--station", wrapper)
    assert code == 1, out
    assert said in out
    rows = [line.split() for line in out.splitlines()[out.splitlines().index("The acts:") + 2 : -1]]
    assert [(row[1], row[-1]) for row in rows] == [("boot", "ok"), (act, "FAILED")]
    assert out.splitlines()[-1].startswith("The evening broke off")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--profiles"], "--profiles goes with --auto"),
        (["--auto", "--profiles", "--acts", "card"], "no act 'card'; there are list, reservation, charging, firmware, diagn"),
        (["--auto", "--acts", "firmware"], "no act 'firmware'; there are card, remote, offline, power"),
    ],
)
async def test_wrong_usage_is_one_line(folder: Path, arguments: list[str], said: str) -> None:
    code, out, error = await run(folder, *arguments)
    assert (code, out) == (2, "")
    assert said in error
    assert error.count("\n") == 1


def composite(*limits_a: float) -> dict[str, object]:
    periods = [{"startPeriod": 2 * place, "limit": limit_a} for place, limit_a in enumerate(limits_a)]
    start = datetime.fromtimestamp(1_000, UTC).isoformat()
    return {"scheduleStart": start, "chargingSchedule": {"chargingSchedulePeriod": periods}}


def test_a_composite_schedule_becomes_offers() -> None:
    """Below 6 A nothing is offered, and what changes nothing is no step."""
    assert expected(composite(16.0, 16.0, 5.9, 0.0, 6.0)) == [Step(1_000, 16.0), Step(1_004, 0.0), Step(1_008, 6.0)]


@pytest.mark.parametrize(
    ("seen", "wrong"),
    [
        ([Step(1_000.01, 16.0), Step(1_002.9, 0.0)], []),
        ([Step(1_000.01, 16.0)], ["16, 0 A was to be offered, 16 A was seen"]),
        ([Step(1_000.01, 16.0), Step(1_002.0, 4.0)], ["16, 0 A was to be offered, 16, 4 A was seen"]),
        ([], ["16, 0 A was to be offered, nothing was seen"]),
        ([Step(1_001.5, 16.0), Step(1_002.0, 0.0)], ["16 A came +1.50 s after its time"]),
        ([Step(1_000.0, 16.0), Step(1_001.5, 0.0)], ["0 A came -0.50 s after its time"]),
    ],
)
def test_offers_are_held_against_the_schedule(seen: list[Step], wrong: list[str]) -> None:
    assert differences(expected(composite(16.0, 4.0)), seen) == wrong


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("CK_1_1970-01-01T00-16-40Z.tar.gz", ""),
        ("CK_1_1970-01-01T00-17-40Z.tar.gz", "it names a time +60 s from now"),
        ("CK_1_1970-01-01T00-61-40Z.tar.gz", "it names no time"),
        ("CK_2_1970-01-01T00-16-40Z.tar.gz", "it names CK_2 where CK_1 is right"),
        ("diagnostics.tar.gz", "diagnostics.tar.gz is not of the form CK_1_2026-01-31T12-00-00Z.tar.gz"),
    ],
)
def test_the_name_of_an_archive_is_looked_at(name: str, wrong: str) -> None:
    assert misnamed(name, "CK_1", now_s=1_000.0) == wrong


def test_the_table_of_acts() -> None:
    lines = [text_of(line) for line in table([Entry("list", "ok", 2.04, ["a", "b"]), Entry("x", "FAILED", 1.0), Entry("y")])]
    assert [line.split() for line in lines] == [
        ["#", "act", "seconds", "shown"],
        ["1", "list", "2.0", "a;", "b", "ok"],
        ["2", "x", "1.0", "-", "FAILED"],
        ["3", "y", "-", "-", "not", "played"],
    ]


async def test_the_file_server() -> None:
    async with file_server({"/image": b"new"}) as files:
        port = int(files.url.rpartition(":")[2])

        async def ask(request: bytes) -> bytes:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(request)
            writer.write_eof()
            answer = await reader.read()
            writer.close()
            await writer.wait_closed()
            return answer

        assert (await ask(b"GET /image HTTP/1.1\r\n\r\n")).endswith(b"Content-Length: 3\r\nConnection: close\r\n\r\nnew")
        assert (await ask(b"GET /other HTTP/1.1\r\n\r\n")).startswith(b"HTTP/1.1 404 ")
        assert (await ask(b"POST /image HTTP/1.1\r\n\r\n")).startswith(b"HTTP/1.1 405 ")
        assert (await ask(b"PUT /up HTTP/1.1\r\n\r\n")).startswith(b"HTTP/1.1 411 ")
        large = f"PUT /up HTTP/1.1\r\nContent-Length: {BODY_BYTES_MAX + 1}\r\n\r\n".encode()
        assert (await ask(large)).startswith(b"HTTP/1.1 413 ")
        assert await ask(b"PUT /up HTTP/1.1\r\nContent-Length: 9\r\n\r\nhalf") == b""
        assert (await ask(b"PUT /up HTTP/1.1\r\ncontent-length: 4\r\n\r\nfile")).startswith(b"HTTP/1.1 201 ")
        assert (files.given, files.taken) == (["/image"], {"/up": b"file"})
