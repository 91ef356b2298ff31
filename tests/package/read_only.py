"""docs/sd-card.md, "A root that is read-only", as it stands there: a machine set up by it, and what must work then."""

import asyncio
import re
from pathlib import Path

from hil.machine import Machine
from tests.e2e.rig import CARD, Rig
from tests.package.conftest import sh, until

PAGE = Path(__file__).parents[2] / "docs" / "sd-card.md"
FSTAB = re.compile(r"^```\n# /etc/fstab\n(.*?)^```$", re.MULTILINE | re.DOTALL)
COMMANDS = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
CONFIG = "/etc/chargepoint/chargepoint.toml"


async def the_root_is_read_only(r: Rig, machine: Machine) -> None:
    """Boot, a changed file from the card, a session, a power cut in it, the next boot: all with nothing but the data writable.
    The partitions for data and card are folders of this host, on a disk of their own.
    """
    await _set_up(machine)
    settings = machine.path(CONFIG).read_text()
    assert 'model = "CK22"' in settings
    machine.path("/srv/bench/card/chargepoint.toml").write_text(settings.replace('model = "CK22"', 'model = "RO"'))
    machine.power_cut()
    await asyncio.to_thread(machine.start, read_only=True)
    assert (await sh(machine, "touch /usr/x /etc/x /var/lib/x", check=False)).count("Read-only") == 3
    await r.station.expect("BootNotification", timeout_s=20.0, chargePointModel="RO")
    assert 'model = "RO"' in machine.path("/srv/bench/data/etc/chargepoint.toml").read_text()

    told = len(r.rows)
    await r.status(1, "Available")
    await r.bench.do("plug", connector=1)
    await r.status(1, "Preparing")
    await r.bench.do("tap", id_tag=CARD)
    await r.status(1, "Charging")
    await sh(machine, "systemctl start chargepoint-panel chargepoint-card && systemctl is-active chargepoint-panel")
    await until(machine, "chargepoint panel --reset-password", "the page's passwords")
    assert "Link         connected" in machine.path("/boot/firmware/chargepoint-status.txt").read_text()
    machine.power_cut()
    await asyncio.to_thread(machine.start, read_only=True)
    await r.delivered(told + 1)
    assert r.rows[-1].reason == "PowerLoss"
    await r.bench.do("unplug", connector=1)
    assert (await sh(machine, "systemctl list-units --failed --plain --no-legend 'chargepoint*'")).strip() == ""
    await sh(machine, "systemctl stop chargepoint")


async def _set_up(machine: Machine) -> None:
    """The section's own commands, then its table of mounts."""
    section = PAGE.read_text().partition("## A root that is read-only")[2]
    (recipe,) = FSTAB.findall(section)
    (commands,) = COMMANDS.findall(section)
    label, *lines = recipe.splitlines()
    assert label.split()[:2] == ["LABEL=data", "/var/lib/chargepoint"]
    lines = ["/srv/bench/data /var/lib/chargepoint none bind 0 0", *lines, "/srv/bench/card /boot/firmware none bind 0 0", ""]
    await sh(machine, "mkdir -p /boot/firmware /srv/bench/card /srv/bench/data")
    for line in commands.splitlines():
        await sh(machine, line.removeprefix("$ ").replace("mount LABEL=data", "mount --bind /srv/bench/data"))
    machine.path("/etc/fstab").write_text("\n".join(lines))
