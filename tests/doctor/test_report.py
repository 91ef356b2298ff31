"""The acceptance report on paper: one sheet to hand over."""

import re
from pathlib import Path

import pytest

from chargepoint.doctor.finding import Finding, Part, skipped, well, wrong
from chargepoint.doctor.report import Report, as_html
from hil.browser import browser, missing

PAGE_OBJECT = re.compile(rb"/Type\s*/Page[^s]")
METER = "register 12345.678 kWh, power 0.0 W, voltage 230.1 229.8 231.0 V, current 0.00 0.00 0.00 A, contactor cycles 1204"
READINGS = {"register": "12345.678 kWh", "power": "0.0 W", "voltage": "230.1 229.8 231.0 V", "serial number": "63000129"}


def report() -> Report:
    """Of a station with two connectors that is well, with some remarks."""
    findings: list[Finding] = [
        wrong("config-remark", "the authorization_key stands in the file, and its group may read it: " + "x" * 60),
        well(
            Part.CONFIG, "/etc/chargepoint/chargepoint.toml is right; the station dials wss://cs.example.org/ocpp/CK_XXX_0001"
        ),
        wrong("disk-atime", "/var/lib/chargepoint: every reading of a file writes to the card"),
        well(Part.DISK, "/var/lib/chargepoint: written a day by everything 240 MiB, free 25000 MiB of 29000"),
        wrong("clock-unsynchronised", "the clock says 2026-11-22 15:00:00 UTC, and nobody synchronises it"),
        well(Part.POWER, "the supply is as it must be"),
        well(Part.PORTS, "serial ports: /dev/ttyUSB0, /dev/ttyAMA0", ports="/dev/ttyUSB0, /dev/ttyAMA0"),
        well(Part.READER, "MFRC522 version 2.0 on /dev/spidev0.0 reads cards", "1", card="04A2B3C4D5E6F7"),
        well(Part.INPUTS, "emergency stop, door, ground fault and mains are at rest"),
    ]
    for number in ("connector 1", "connector 2"):
        findings.append(well(Part.METER, METER, number, **READINGS))
        findings += [
            well(part, "opened, moved as it was told to, and is back where it was, with its feedback", number, took="212 ms")
            for part in (Part.PILOT, Part.LOCK, Part.CONTACTOR, Part.LIGHT)
        ]
    findings += [
        well(Part.CENTRAL_SYSTEM, f"{layer}: it answers as it must") for layer in ("DNS", "TCP", "TLS", "path", "boot")
    ]
    findings.append(skipped(Part.CONTACTOR, "the service runs, so nothing is switched"))
    names = ("Station", "Model", "Serial number", "Firmware", "Central System", "Date", "Meter 1", "Meter 2", "Installed by")
    head = tuple((name, "what it is, in some words") for name in names)
    return Report(head=head, findings=tuple(findings), verdict="all is well (25 findings, 3 remarks)", made="2026-11-22")


@pytest.mark.skipif(missing() is not None, reason=f"no browser here; install {missing()}")
@pytest.mark.xdist_group("browser")
async def test_it_is_one_sheet_of_paper(tmp_path: Path) -> None:
    (tmp_path / "acceptance.html").write_text(as_html(report()))
    async with browser() as chromium:
        page = await chromium.new_page()
        await page.goto(f"file://{tmp_path}/acceptance.html")
        assert len(PAGE_OBJECT.findall(await page.pdf(format="A4"))) == 1
        assert await page.get_by_text("Customer, date").count() == 1
        assert "04A2B3C4D5E6F7" not in await page.content()
