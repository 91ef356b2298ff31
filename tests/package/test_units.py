"""What systemd does for the station: order, watchdog, safe state, restarts, and the sandbox that everything runs in."""

import asyncio
import json
import shlex
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from distribution.image import FETCH, PACKAGES, UNIT
from hil.bench import toml
from hil.csms import Settings
from hil.kernel import Kernel, missing
from hil.machine import Machine
from tests.e2e.conftest import Rigs
from tests.e2e.rig import Rig
from tests.package.conftest import TARGET, VERSIONS, Machines, Packages, config_document, free_port, opened, sh, until
from tests.package.read_only import the_root_is_read_only
from tests.panel.house import House
from tests.transfers.http_server import running

COIL = 17
KEY = "00112233445566778899AABBCCDDEEFF00112233"
EXPOSURE_MAX = 19  # ten times the score
CONFIG = "/etc/chargepoint/chargepoint.toml"
MAIN = "systemctl show --property MainPID --value chargepoint"


def dropin(machine: Machine, name: str, lines: str, unit: str = "chargepoint") -> None:
    place = machine.path(f"/etc/systemd/system/{unit}.service.d/{name}.conf")
    place.parent.mkdir(exist_ok=True)
    place.write_text(f"[Service]\n{lines}")


def emulated(kernel: Kernel, folder: str) -> str:
    """The emulated kernel for the unit's processes: what `Kernel.environment` gives, as the machine sees it."""
    given = kernel.environment({})
    del given["LG_WD"]  # the unit has a folder of its own
    texts = {name: text.replace(str(kernel.directory), folder) for name, text in given.items()}
    texts["LD_PRELOAD"] = "/srv/shim.so"
    return "".join(f"Environment={name}={text}\n" for name, text in texts.items())


@pytest.mark.skipif(missing() is not None, reason=str(missing()))
@pytest.mark.timeout(300)
async def test_the_unit_keeps_the_station_running_and_contactors_safe(
    rigs: Rigs, packages: Packages, machines: Machines
) -> None:
    r = await rigs(settings=Settings(password=bytes.fromhex(KEY)))  # nobody gets in without the credential
    opened(r.directory)
    with Kernel(keeps_outputs=True) as kernel:
        opened(kernel.directory)
        shim = Path(kernel.environment({})["LD_PRELOAD"])
        binds = {
            "/srv/bench": r.directory,
            "/srv/packages": packages.folder,
            "/srv/kernel": kernel.directory,
            "/srv/shim.so": shim,
        }
        machine = machines(binds)
        await it_is_installed_at_the_first_start(machine)
        document = config_document(r.config, r.directory, "/srv/bench")
        document["connectors"]["1"]["contactor"] = {"driver": "gpio", "pin": COIL}
        document["installer"] = {"driver": "deb"}
        document["panel"] = {"listen": f"127.0.0.1:{free_port()}"}
        document["central_system"]["authorization_key_credential"] = "authorization-key"
        machine.path(CONFIG).write_text(toml.document(document))
        machine.path("/etc/hosts").write_text("127.0.0.1 localhost\n")  # names are looked up in the sandbox too
        machine.path("/etc/chargepoint/key").write_text(KEY)
        machine.path("/etc/chargepoint/key").chmod(0o600)  # root's: only systemd reads it
        dropin(machine, "credential", "LoadCredential=authorization-key:/etc/chargepoint/key\n")
        dropin(machine, "kernel", emulated(kernel, "/srv/kernel") + "RestartSec=100ms\n")

        await the_units_are_sound(machine)
        await it_starts_without_a_network(machine)
        await its_settings_can_be_taken(machine)
        await a_killed_station_leaves_no_contactor_closed(r, machine, kernel)
        await a_hanging_station_is_started_anew(r, machine)
        await a_reset_starts_it_anew(r, machine)
        await firmware_is_installed_and_a_broken_one_put_back(r, machine, packages)
        await it_stops_in_order(r, machine, kernel)
        await the_root_is_read_only(r, machine)
        await a_wrong_file_is_not_tried_again(machine)
        await it_is_purged_though_its_folders_are_mounts(machine)


async def it_is_installed_at_the_first_start(machine: Machine) -> None:
    """By the unit that script/image lays on a card, from the packages beside it."""
    for unit in (UNIT, FETCH):
        machine.path(f"/etc/systemd/system/{unit.name}").write_text(unit.read_text())
        assert await sh(machine, f"systemd-analyze verify {unit.name}") == ""
        await sh(machine, f"systemd-analyze security --offline=true --threshold={EXPOSURE_MAX} {unit.name}")
    await sh(machine, f"mkdir {PACKAGES} && cp /srv/packages/{VERSIONS[0]}/*.deb {PACKAGES}")
    await sh(machine, f"systemctl daemon-reload && systemctl start {UNIT.name}")
    assert not machine.path(PACKAGES).exists()


async def the_units_are_sound(machine: Machine) -> None:
    units = (await sh(machine, "ls /usr/lib/systemd/system | grep ^chargepoint")).split()
    assert len(units) >= 3
    assert await sh(machine, f"systemd-analyze verify {' '.join(units)}") == ""
    for unit in units:
        if unit.endswith(".service"):
            await sh(machine, f"systemd-analyze security --offline=true --threshold={EXPOSURE_MAX} {unit}")


async def it_starts_without_a_network(machine: Machine) -> None:
    dropin(machine, "network", "PrivateNetwork=yes\n")
    await sh(machine, "systemctl daemon-reload && systemctl start chargepoint && systemctl is-active chargepoint")
    await until(machine, 'chargepoint status --json | grep -q \'"state": "waiting"\'', "it waits for its link")
    order = await sh(machine, "systemctl show --property After --property Requires chargepoint")
    assert "network" not in order
    machine.path("/etc/systemd/system/chargepoint.service.d/network.conf").unlink()
    await sh(machine, "systemctl daemon-reload && systemctl restart chargepoint")


async def its_settings_can_be_taken(machine: Machine) -> None:
    """By the station's page: the file lies where the sandbox lets the service write."""
    ask = "import socket; s = socket.socket(socket.AF_UNIX); s.connect('/run/chargepoint/control.sock'); "
    ask += 's.sendall(b\'{"id": 1, "do": "settings_file"}\\n\'); print(s.makefile().readline())'
    told = json.loads(await sh(machine, f"python3 -c {shlex.quote(ask)}"))
    assert (told["file"], told["writable"]) == (CONFIG, True)


async def a_killed_station_leaves_no_contactor_closed(r: Rig, machine: Machine, kernel: Kernel) -> None:
    await r.station.expect("BootNotification", timeout_s=15.0)
    await r.bench.do("plug", connector=1)
    await r.status(1, "Preparing")
    await r.bench.do("tap", id_tag="04A2B3C4")
    await r.status(1, "Charging")
    kernel.wait_level(COIL, True)
    await its_page_comes_with_a_reader_and_goes_without(r, machine, kernel)
    killed = (await sh(machine, MAIN)).strip()
    await sh(machine, f"kill -9 {killed}")
    await asyncio.to_thread(kernel.wait_level, COIL, False, 5.0)
    await until(machine, f'test "$({MAIN})" != {killed} && systemctl is-active chargepoint', "started anew")
    assert "connectors.1.contactor: its coil is off" in machine.journal("chargepoint")
    await r.delivered(1)
    assert r.rows[0].reason == "PowerLoss"
    await r.bench.do("unplug", connector=1)
    fields = await sh(machine, "journalctl --unit chargepoint CONNECTOR=1 TRANSACTION=1 EVENT=session_begins --output=cat")
    assert "A session begins" in fields
    mounts = (await sh(machine, f"cat /proc/$({MAIN})/mounts")).splitlines()
    assert any(line.split()[1] == "/sys/devices/platform" and line.split()[3].startswith("rw") for line in mounts), mounts


async def its_page_comes_with_a_reader_and_goes_without(r: Rig, machine: Machine, kernel: Kernel) -> None:
    """Through systemd's socket, at the address that the settings give; the session goes on meanwhile and afterwards."""
    active = "systemctl is-active chargepoint-panel"
    dropin(
        machine, "idle", f"ExecStart=\nExecStart=/usr/bin/chargepoint panel --config {CONFIG} --idle-s 1\n", "chargepoint-panel"
    )
    await sh(machine, "systemctl daemon-reload && systemctl restart chargepoint-panel.socket")
    address = (await sh(machine, "systemctl show --property Listen --value chargepoint-panel.socket")).split()[0]
    assert (await sh(machine, active, check=False)).strip() == "inactive"
    reader = House.__new__(House)
    reader.port, reader.cookie = int(address.rpartition(":")[2]), ""
    password = (await sh(machine, "chargepoint panel --password")).strip()  # before the page was ever started
    assert (await reader.get("/login")).status == 200
    assert (await sh(machine, active)).strip() == "active"
    assert (await reader.log_in(password)).status == 303
    page = await reader.get("/")
    assert "Charging" in page.text
    await until(machine, f"{active} | grep -q inactive", "the page's end")
    assert "nobody looks any more" in machine.journal("chargepoint-panel")
    assert kernel.line(COIL).level
    assert "Charging" in await sh(machine, "chargepoint status")


async def a_hanging_station_is_started_anew(r: Rig, machine: Machine) -> None:
    dropin(machine, "watchdog", "WatchdogSec=1\n")
    await sh(machine, "systemctl daemon-reload && systemctl restart chargepoint")
    hanging = (await sh(machine, MAIN)).strip()
    await sh(machine, f"kill -STOP {hanging}")
    await until(machine, f'test "$({MAIN})" != {hanging} && systemctl is-active chargepoint', "started anew by the watchdog")
    assert "Watchdog timeout" in machine.journal("chargepoint")
    machine.path("/etc/systemd/system/chargepoint.service.d/watchdog.conf").unlink()
    heard = r.station.messages[-1].seq
    await sh(machine, "systemctl daemon-reload && systemctl restart chargepoint")
    await r.station.expect("BootNotification", timeout_s=15.0, where=lambda frame: frame.seq > heard)


async def a_reset_starts_it_anew(r: Rig, machine: Machine) -> None:
    before = (await sh(machine, MAIN)).strip()
    await r.status(1, "Available")
    assert await r.call("Reset", type="Hard") == {"status": "Accepted"}
    await until(machine, f'test "$({MAIN})" != {before} && systemctl is-active chargepoint', "started anew after a Reset")
    assert "Failed with result" not in machine.journal("chargepoint").rpartition("hard_reset")[2]


async def firmware_is_installed_and_a_broken_one_put_back(r: Rig, machine: Machine, packages: Packages) -> None:
    broken = r.directory / "broken.deb"
    await asyncio.to_thread(broken_package, r.directory / "broken", broken)
    async with running() as files:
        files.files = {"/good": packages.deb(VERSIONS[1]).read_bytes(), "/broken": broken.read_bytes()}
        await update(r, files.url("/good"), "Downloading", "Downloaded", "Installing")
        assert await booted(r) == TARGET.version(VERSIONS[1])
        await told(r, "Installed")
        await r.status(1, "Available")

        await update(r, files.url("/broken"), "Downloading", "Downloaded", "Installing")
        assert await booted(r) == TARGET.version(VERSIONS[1])
        await told(r, "InstallationFailed")
    assert "the package before it is put back" in machine.journal("chargepoint-install")
    assert not machine.path("/var/lib/chargepoint/firmware/install.request").exists()
    await r.status(1, "Available")


async def update(r: Rig, url: str, *statuses: str) -> None:
    date = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    assert await r.call("UpdateFirmware", location=url, retrieveDate=date) == {}
    await told(r, *statuses)


async def booted(r: Rig) -> str:
    """The version that the station tells when it starts the next time."""
    now = r.station.messages[-1].seq
    return str(
        (await r.station.expect("BootNotification", timeout_s=30.0, where=lambda frame: frame.seq > now))["firmwareVersion"]
    )


async def told(r: Rig, *statuses: str) -> None:
    for status in statuses:
        assert (await r.expect("FirmwareStatusNotification", timeout_s=20.0))["status"] == status


def broken_package(tree: Path, made: Path) -> None:
    """A package of the right name whose last script fails, when the old files are gone already."""
    (tree / "DEBIAN").mkdir(parents=True)
    fields = ("Package: chargepoint", "Version: 0.9.2", f"Architecture: {TARGET.architecture}", "Maintainer: x <x@example.org>")
    control = "\n".join((*fields, "Description: x", ""))
    (tree / "DEBIAN/control").write_text(control)
    (tree / "DEBIAN/postinst").write_text("#!/bin/sh\nexit 1\n")
    (tree / "DEBIAN/postinst").chmod(0o755)
    subprocess.run(["dpkg-deb", "-Znone", "--build", str(tree), str(made)], check=True, capture_output=True, timeout=30)


async def it_stops_in_order(r: Rig, machine: Machine, kernel: Kernel) -> None:
    await sh(machine, "systemctl stop chargepoint")
    assert (await sh(machine, "systemctl show --property Result --value chargepoint")).strip() == "success"
    assert not kernel.line(COIL).level


async def a_wrong_file_is_not_tried_again(machine: Machine) -> None:
    machine.path(CONFIG).write_text("[station]\nidentiy = 'A'\n")
    await sh(machine, "systemctl start chargepoint", check=False)
    await until(machine, "systemctl is-failed chargepoint", "failed")
    assert "did you mean identity" in machine.journal("chargepoint")
    assert (await sh(machine, "systemctl show --property NRestarts --value chargepoint")).strip() == "0"


async def it_is_purged_though_its_folders_are_mounts(machine: Machine) -> None:
    """Those of the read-only root: the folders stay, empty."""
    folders = "/var/lib/chargepoint /etc/chargepoint /var/lib/private/chargepoint-panel"
    await sh(machine, f"mount -o remount,rw / && for at in {folders}; do mountpoint $at && ls $at/*; done")
    await sh(machine, "dpkg --purge chargepoint")
    assert await sh(machine, f"find {folders} -mindepth 1") == ""
