"""What stories of UpdateFirmware have in common: the order, the download, the installer, and what was told."""

from datetime import UTC, datetime
from typing import Any, TypeVar

from chargepoint.core import effects as fx
from chargepoint.core import events as ev
from tests.core.harness import World

URL = "ftp://user:secret@files.example.org/images/v2"
COURSE = ["Downloading", "Downloaded", "Installing", "Installed"]

E = TypeVar("E", bound=fx.MaintenanceEffect)


def station(connectors: int = 1, **more: Any) -> World:
    """A station with an installer that runs version 1."""
    return World(
        connectors,
        **{"can_install": True, "firmware_version": "1", "file_transfer_protocols": ("FTP", "HTTP"), "wall": True, **more},
    )


def order(world: World, in_s: float = 0.0, location: str = URL, **more: Any) -> None:
    """UpdateFirmware, for so many seconds from now."""
    date = datetime.fromtimestamp(world.wall_s + in_s, UTC).isoformat().replace("+00:00", "Z")
    assert world.call("UpdateFirmware", location=location, retrieveDate=date, **more) == {}


def asked(world: World, kind: type[E]) -> list[E]:
    """Every effect of a kind so far."""
    return [effect for effect in world.maintenance if isinstance(effect, kind)]


def last(world: World, kind: type[E]) -> E:
    return asked(world, kind)[-1]


def told(world: World) -> list[str]:
    return [payload["status"] for payload in world.calls("FirmwareStatusNotification")]


def download(world: World, error: str | None = None, *, hopeless: bool = False) -> None:
    """The attempt that is under way ends."""
    world.deliver(ev.DownloadEnded(last(world, fx.StartDownload).job, error, hopeless))


def install(world: World, version: str | None = "2", error: str | None = None) -> None:
    """The installer ends."""
    world.deliver(ev.InstallEnded(last(world, fx.Install).job, version, error))


def checked(world: World, version: str | None, error: str | None = None) -> None:
    """The installer tells what became of an installation that was cut short."""
    world.deliver(ev.InstallEnded(last(world, fx.CheckInstall).job, version, error, checked=True))


def runs(world: World, version: str) -> None:
    """The next start of the process runs this version."""
    world.site = type(world.site)(**{**fields(world), "firmware_version": version})


def fields(world: World) -> dict[str, Any]:
    return {name: getattr(world.site, name) for name in world.site.__struct_fields__}
