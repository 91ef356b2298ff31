"""The installer's story: docs/installation.md, command by command, on a machine that has nothing; and charging in between."""

import asyncio
import contextlib
import json
import re
import tarfile
import tomllib
from collections.abc import Coroutine
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from chargepoint.store.schema import STEPS
from hil.bench import toml
from hil.machine import Machine
from tests.e2e.conftest import Rigs
from tests.e2e.rig import CARD, Rig
from tests.package.conftest import TARGET, VERSIONS, Machines, Packages, config_document, free_port, opened, sh, until
from tests.package.page import InstallersPage
from tests.setup.terminal import Terminal
from tests.setup.test_terminal import FIELDS

PAGE = Path(__file__).parents[2] / "docs" / "installation.md"
SECTION = re.compile(r"^## (.+)$", re.MULTILINE)
BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
KEY = "00112233445566778899AABBCCDDEEFF00112233"
INSTALLER = "installer"  # a user that may use sudo
DIALOGUE = "sudo chargepoint setup"
# The marks of docs/marks.md, in seconds from the start of init.
LIGHT_S, PAGE_S, ACCEPTED_S = 10.0, 90.0, 180.0


def commands() -> dict[str, list[str]]:
    """The page's commands by section."""
    parts = SECTION.split(PAGE.read_text())[1:]
    sections = dict(zip(parts[::2], parts[1::2], strict=True))
    found = {name: "".join(BLOCK.findall(text)).splitlines() for name, text in sections.items()}
    assert all(line.startswith("$ ") for lines in found.values() for line in lines)
    return {name: [line.removeprefix("$ ") for line in lines] for name, lines in found.items() if lines}


class SwitchedOn:
    """A start of the machine by its marks: seconds from the start of init until something was there."""

    def __init__(self, r: Rig, machine: Machine, page: int) -> None:
        """page: the port on which the station's page is to answer."""
        self._r, self._machine, self._page = r, machine, page
        self.seconds: dict[str, float] = {}

    async def run(self) -> None:
        """Until everything that is looked for has come. Its marks hold, and the figures are printed."""
        await self._r.lamp("off")
        before = self._r.station.messages[-1].seq if self._r.station.messages else 0
        began_s = asyncio.get_running_loop().time()

        async def mark(name: str, limit_s: float, coming: Coroutine[Any, Any, object]) -> None:
            async with asyncio.timeout(limit_s):
                await coming
            self.seconds[name] = asyncio.get_running_loop().time() - began_s

        async with asyncio.TaskGroup() as group:
            group.create_task(asyncio.to_thread(self._machine.start))
            group.create_task(mark("light", LIGHT_S, self._r.until(lambda one: one["indicator"] != "off", timeout_s=LIGHT_S)))
            group.create_task(mark("accepted", ACCEPTED_S, self._accepted(before)))
            group.create_task(mark("page", PAGE_S, self._answers(self._page)))
        print("from init:", ", ".join(f"{name} {took_s:.2f} s" for name, took_s in sorted(self.seconds.items())))

    async def _accepted(self, before: int) -> None:
        """A station tells statuses once its BootNotification was accepted."""
        for action in ("BootNotification", "StatusNotification"):
            await self._r.station.expect(action, timeout_s=ACCEPTED_S, where=lambda frame: frame.seq > before)

    @staticmethod
    async def _answers(port: int) -> None:
        """A whole page, by the first request that finds the socket."""
        while True:
            with contextlib.suppress(OSError):
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                try:
                    writer.write(f"GET /login HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode())
                    said = await reader.read()
                finally:
                    writer.close()
                assert b" 200 OK" in said.partition(b"\r\n")[0], said[:200]
                assert said.rstrip().endswith(b"</html>")
                return
            await asyncio.sleep(0.02)


def answered_in_a_terminal(r: Rig, machine: Machine) -> str:
    """The set-up of the page, with an installer's fingers; what stood on the screen."""
    command = machine.inside("runuser", "-u", INSTALLER, "--", "sh", "-c", DIALOGUE)
    answers = ("", r.identity, r.cs.url, KEY, "", "mfrc522", "", "")
    with Terminal(command=command) as terminal:
        for question, line in zip(FIELDS, answers, strict=True):
            terminal.answer(question, line)
        assert terminal.ends() == 0, terminal.shown
    assert f"{r.cs.url}/{r.identity}" in terminal.shown
    assert KEY not in terminal.shown
    written = machine.path("/etc/chargepoint/chargepoint.toml")
    assert written.stat().st_mode & 0o777 == 0o640
    assert tomllib.loads(written.read_text())["central_system"]["authorization_key"] == KEY
    return terminal.shown


async def charge(r: Rig) -> None:
    """A whole charge, from plug to unplugged."""
    await r.charging()
    await r.grows(100)
    await r.bench.do("tap", id_tag=CARD)
    await r.expect("StopTransaction")
    await r.bench.do("unplug", connector=1)
    await r.status(1, "Available")


async def the_card_configures_it(r: Rig, machine: Machine) -> None:
    """A file with a mistake shows at the light and beside itself; a right one makes the station run, and its key is gone."""
    document = config_document(r.config, r.directory, "/srv/bench")
    document["central_system"]["authorization_key"] = KEY
    port = free_port()
    document["panel"] = {"listen": f"127.0.0.1:{port}"}
    text = toml.document(document)
    card = machine.path("/boot/firmware")
    card.mkdir(parents=True)
    (card / "chargepoint.toml").write_text(text.replace("identity", "identiy"))
    machine.power_cut()
    await asyncio.to_thread(machine.start)
    assert (await sh(machine, "systemctl show --property RuntimeWatchdogUSec --value")).strip() == "15s", "as the page says"
    card = machine.path("/boot/firmware")
    await r.lamp("setting_up")
    assert "did you mean identity?" in (card / "chargepoint-error.txt").read_text()
    assert "did you mean identity?" in machine.journal("chargepoint-commission")
    assert (await sh(machine, "systemctl is-active chargepoint", check=False)).strip() == "inactive"

    (card / "chargepoint.toml").write_text(text)
    machine.power_cut()
    await SwitchedOn(r, machine, port).run()
    listening = await sh(machine, "systemctl show --property Listen --value chargepoint-panel.socket")
    assert listening.split() == [f"127.0.0.1:{port}", "(Stream)"], "nowhere else: it is no blank station any more"
    card = machine.path("/boot/firmware")
    assert not (card / "chargepoint-error.txt").exists()
    assert KEY not in (card / "chargepoint.toml").read_text()
    assert "open to others" not in machine.journal("chargepoint-commission")
    await sh(machine, "systemctl start chargepoint-card")
    status = (card / "chargepoint-status.txt").read_text()
    assert "CK_XXX_0001" in status
    assert "Link         connected, ws://127.0.0.1" in status
    await sh(machine, "systemctl stop chargepoint && rm -r /boot/firmware /etc/chargepoint/*")


async def the_page_does_the_same_from_its_sandbox(machine: Machine, port: int) -> None:
    """Its doctor, its archive and its check of settings are processes of their own, which must find the package's modules."""
    page = InstallersPage(machine, port)
    await page.log_in()
    assert b"NOT WELL: disk (" in await page.post("/setup/doctor")
    assert b"Download the archive" in await page.post("/setup/support")
    manifest = json.loads(await page.get("/setup/support/manifest.json"))
    assert {"status.json", "doctor.json", "log.txt"} <= {one["name"] for one in manifest["members"] if one["bytes"] > 10}
    shown = (await page.get("/setup/file")).decode()
    digest, text = (
        re.search(form, shown, re.DOTALL) for form in (r'name="digest" value="(\w+)"', r"<textarea[^>]*>(.*?)</textarea>")
    )
    assert digest is not None
    assert text is not None
    changed = {"digest": digest[1], "text": unescape(text[1]) + "\n# seen on the page\n"}
    assert b"These settings are fine" in await page.post("/setup/file", **changed)
    assert b"The settings are written." in await page.post("/setup/take", **changed)
    assert await sh(
        machine, "tail -n 1 /etc/chargepoint/chargepoint.toml; stat -c %G:%a /etc/chargepoint/chargepoint.toml"
    ) == ("# seen on the page\nchargepoint:640\n")


async def the_doctor_was_well_but_for_the_disk(machine: Machine, said: str) -> None:
    """Beside the service, and without it for the report."""
    assert "BootNotification: Accepted, by the running service" in said
    assert "written: /tmp/acceptance.html" in said
    verdicts = [line for line in said.splitlines() if line.startswith(("NOT WELL", "all is well"))]
    assert len(verdicts) == 2, said
    assert all(line.startswith("NOT WELL: disk (") for line in verdicts), "and nothing else"
    assert "Meter of connector 1" in await sh(machine, "cat /tmp/acceptance.txt")


async def nobody_is_told_a_secret(machine: Machine) -> None:
    """Neither key nor card, by the machine's journal and by the archive for support."""
    with tarfile.open(machine.path("/tmp/support.tar.gz")) as archive:
        told = {one.name.rpartition("/")[2]: archive.extractfile(one).read().decode() for one in archive}  # type: ignore[union-attr]
    assert "A session begins" in told["journal.txt"]
    assert CARD[-4:] in told["ledger.csv"]
    told["the machine's journal"] = await sh(machine, "journalctl --no-pager --output=cat")
    for name, text in told.items():
        for secret in (KEY, CARD):
            assert secret.lower() not in text.lower(), f"{secret} stands in {name}"


async def an_older_one_is_refused(machine: Machine, packages: Packages) -> None:
    """Where the database has the form of a newer program; the one that is there goes on."""
    program = "import sqlite3; sqlite3.connect('/var/lib/chargepoint/station.db').execute('PRAGMA user_version = {}')"
    form = f'python3 -c "{program}"'
    await sh(machine, f"systemctl stop chargepoint && {form.format(99)}")
    refused = await sh(machine, f"dpkg --install /srv/packages/{VERSIONS[0]}/chargepoint_*.deb", check=False)
    assert "older than the station's database" in refused
    assert "has version 99 of the tables" in refused
    installed = await sh(machine, "dpkg-query --show --showformat='${db:Status-Status} ${Version}' chargepoint")
    assert installed == f"installed {TARGET.version(VERSIONS[1])}"
    known = len(STEPS)
    await sh(machine, f"systemctl stop chargepoint && {form.format(known)} && chown chargepoint: /var/lib/chargepoint/*")
    await sh(machine, "systemctl start chargepoint")


@pytest.mark.timeout(300)
async def test_from_the_package_over_a_charge_a_power_cut_and_an_upgrade_to_the_next_charge(
    rigs: Rigs, packages: Packages, machines: Machines
) -> None:
    r = await rigs(keys={"MeterValueSampleInterval": 1}, speed=50.0)
    opened(r.directory)
    machine = machines({"/srv/bench": r.directory, "/srv/packages": packages.folder})
    await sh(
        machine, f"useradd --create-home {INSTALLER} && echo '{INSTALLER} ALL=(ALL) NOPASSWD: ALL' > /etc/sudoers.d/installer"
    )
    await sh(
        machine, "printf '#!/bin/sh\\ncat /srv/bench/installed.toml > \"$1\"\\n' > /usr/bin/nano && chmod +x /usr/bin/nano"
    )
    port = free_port()
    document = {**config_document(r.config, r.directory, "/srv/bench"), "panel": {"listen": f"127.0.0.1:{port}"}}
    (r.directory / "installed.toml").write_text(toml.document(document))
    page = commands()
    began_wh = (await r.connector())["energy_wh"]

    async def section(name: str, version: str = VERSIONS[0]) -> str:
        said = ""
        for command in page.pop(name):
            if command == DIALOGUE:
                said += await asyncio.to_thread(answered_in_a_terminal, r, machine)
                continue
            line = command.replace("arm64", "amd64").replace("$USER", INSTALLER)
            examined = "chargepoint doctor" in line  # which finds that this machine's disk lies in memory
            said += await sh(machine, f"cd /srv/packages/{version} && {line}", user=INSTALLER, check=not examined)
        return said

    told = await section("Wire") + await section("Install")
    assert "the station starts when there is /etc/chargepoint/chargepoint.toml" in told
    await sh(machine, 'test -z "$(systemctl is-failed chargepoint | grep failed)"')

    await the_card_configures_it(r, machine)
    said = await section("Configure")
    verdicts = [line for line in said.splitlines() if line.startswith("/etc/chargepoint/chargepoint.toml: ")]
    assert len(verdicts) == 3, "of the file that the dialogue wrote, of the example, and of what the installer made of it"
    assert verdicts[0].startswith("/etc/chargepoint/chargepoint.toml: fine"), said
    assert verdicts[2].startswith("/etc/chargepoint/chargepoint.toml: fine"), said
    assert "CK_0001.toml" in said, "a station of the file of answers"
    said = await section("Start")
    assert "active" in said
    await the_doctor_was_well_but_for_the_disk(machine, said)
    await charge(r)
    await r.delivered(1)
    assert "confirmed" in await section("First charge")
    assert "written: /tmp/support.tar.gz" in await section("When somebody is to help")
    await nobody_is_told_a_secret(machine)

    await r.charging()
    await r.grows(100)
    machine.power_cut()
    await r.contactor("open")
    await r.bench.do("unplug", connector=1)
    await SwitchedOn(r, machine, port).run()
    await r.delivered(2)
    assert r.rows[1].reason == "PowerLoss"
    await the_page_does_the_same_from_its_sandbox(machine, port)

    await r.charging()
    await r.grows(100)
    said = await section("Upgrade", VERSIONS[1])
    assert f"chargepoint {VERSIONS[1]}," in said
    await r.delivered(3)
    assert r.rows[2].reason == "Reboot"
    await r.bench.do("unplug", connector=1)
    await an_older_one_is_refused(machine, packages)
    await until(machine, "systemctl is-active chargepoint", "active after the upgrade")
    await charge(r)
    rows = await r.delivered(4)
    metered_wh = (await r.connector())["energy_wh"] - began_wh
    assert sum(row.energy_wh or 0 for row in rows) == pytest.approx(metered_wh, abs=len(rows))
    assert metered_wh >= 400
    r.clean()

    await section("Remove")
    await sh(machine, "! test -e /etc/chargepoint && ! test -e /var/lib/chargepoint && ! test -e /usr/lib/chargepoint")
    assert page == {}, "the page has commands that this story does not run"
