"""The stories, each written once and played on every layer. Their docstrings are what `script/hil --help` tells of them."""

from collections.abc import Awaitable, Callable, Mapping

from hil.csms import Frame, IdTag, Settings
from hil.layers.play import Play, StoryFailed

CARD = "04A2B3C4"
BLOCKED = "04112233445566"
THINKS_S = 0.6  # the Central System over a card: long enough for an eye to see that it is asked

Story = Callable[[Play], Awaitable[None]]


def central_system() -> Settings:
    """What the Central System of every story knows."""
    return Settings(id_tags={BLOCKED.casefold(): IdTag("Blocked")})


async def short(play: Play) -> None:
    """Plug, tap, charge, stop by card, unplug."""
    await play.boot()
    await _charging(play)
    await _stopped(play)
    await play.stop()


async def charge(play: Play) -> None:
    """The same with a charging profile of 10 A, and a car that pauses."""
    await play.boot()
    start = await _charging(play)
    answer = await play.asks("SetChargingProfile", connectorId=1, csChargingProfiles=_at_most(10.0))
    play.note(f"SetChargingProfile: {answer['status']}")
    await play.drawn(10.0)
    await play.ready(False)
    await play.contactor("open")
    await play.status("SuspendedEV")
    await play.ready(True)
    await play.contactor("closed")
    await play.status("Charging")
    await play.drawn(10.0)
    await play.grows(300)
    stop = await _stopped(play)
    if stop["meterStop"] <= start["meterStart"]:
        raise StoryFailed(f"nothing was billed: {start.payload}, {stop.payload}")
    await play.stop()


async def emergency(play: Play) -> None:
    """An emergency stop in mid-charge, released, and a car that charges again afterwards."""
    await play.boot()
    await _charging(play)
    await play.fault("emergency_stop", True, connector=0)
    opened = await play.contactor("open")
    await play.status("Faulted")
    play.billed(await play.hears("StopTransaction", reason="EmergencyStop"), opened["energy_wh"])
    await play.light("red")
    await play.lock("unlocked")
    await play.fault("emergency_stop", False, connector=0)
    await play.unplug()
    await play.status("Available")
    await play.light("white")
    await _charging(play)
    await _stopped(play)
    await play.stop()


async def killed(play: Play) -> None:
    """kill -9 in mid-charge on a kernel that keeps its outputs, safe-state, and the next start."""
    await play.boot()
    await _charging(play)
    await play.kill()
    await play.safe_state()
    await play.contactor("open")
    await play.boot()
    await play.hears("StopTransaction", reason="PowerLoss")
    await play.unplug()
    await play.status("Available")
    await play.light("white")
    await play.stop()


async def refused(play: Play) -> None:
    """A blocked card is told why by its flashes, and charges nothing."""
    await play.boot()
    await play.light("white")
    await play.tap(BLOCKED)
    await play.hears("Authorize", idTag=BLOCKED)
    await play.light("red")
    await play.light("white")
    play.note(f"red flashes: {sorted(set(play.flashes()))}")
    await play.stop()


STORIES: Mapping[str, Story] = {"charge": charge, "emergency": emergency, "killed": killed, "refused": refused, "short": short}
ALL = ("charge", "emergency", "killed", "refused")  # `short` is a part of `charge`


async def _charging(play: Play) -> Frame:
    """From an empty socket to 16 A; the StartTransaction."""
    play.system.rules.next("Authorize", delay_s=THINKS_S)
    await play.speed(200.0)
    await play.light("white")
    await play.plug()
    await play.status("Preparing")
    await play.light("blue")
    await play.tap(CARD)
    start = await play.hears("StartTransaction", connectorId=1, idTag=CARD)
    await play.contactor("closed")
    await play.lock("locked")
    await play.status("Charging")
    await play.drawn(16.0)
    await play.grows(500)
    await play.light_of_charging()
    return start


async def _stopped(play: Play) -> Frame:
    """From charging to an empty socket; the StopTransaction."""
    await play.tap(CARD)
    stopped = await play.contactor("open")
    stop = await play.hears("StopTransaction", idTag=CARD)
    play.billed(stop, stopped["energy_wh"])
    await play.status("Finishing")
    await play.lock("unlocked")
    await play.unplug()
    await play.status("Available")
    await play.light("white")
    return stop


def _at_most(current_a: float) -> dict[str, object]:
    schedule = {"chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": current_a}]}
    return {
        "chargingProfileId": 1, "stackLevel": 0, "chargingProfilePurpose": "TxProfile", "chargingProfileKind": "Relative",
        "chargingSchedule": schedule,
    }  # fmt: skip
