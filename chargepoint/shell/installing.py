"""The installer of the settings, opened at the start: BootNotification tells the version that it knows."""

import asyncio
import logging

from chargepoint.ports import DriverError, Installer
from chargepoint.registry import Kind, config_of
from chargepoint.settings import Settings

log = logging.getLogger(__name__)

OPEN_S = 5.0


async def open_installer(settings: Settings) -> tuple[Installer | None, str | None]:
    """The installer and the version that it says runs; None for what there is not. Takes at most `OPEN_S`."""
    part = settings.installer
    if part is None:
        return None, None
    installer: Installer | None = None
    try:
        async with asyncio.timeout(OPEN_S):
            module, config = config_of(Kind.INSTALLER, part, section="installer")
            installer = await module.open(config, {})
            return installer, await installer.version()
    except DriverError as error:
        log.error("[installer]: %s", error)
    except TimeoutError:
        log.error("[installer]: the driver does not tell the installed version within %g s", OPEN_S)
    except Exception as error:  # code of a driver runs here: whatever it raises must not keep the station from starting
        log.error("[installer]: a mistake in its driver", exc_info=error)
    return installer, None
