"""Watch: what of the station's life is a security event ("Improved security for OCPP 1.6-J", section 8 and use case A04).

Owns the way from facts to the security log. Refuses to know what becomes of an event (`security_log`). What others must say
themselves they raise here: certificates, firmware, keys.
"""

from chargepoint.core.blocks import Blocks
from chargepoint.core.events import LinkDown, LinkTrouble
from chargepoint.core.faults import Fault
from chargepoint.core.security_events import SecurityEvent
from chargepoint.core.step import Step

MOVED_S = 10.0
TROUBLES: dict[LinkTrouble, tuple[SecurityEvent, ...]] = {
    "server_certificate": (
        SecurityEvent.CentralSystemFailedToAuthenticate,
        SecurityEvent.InvalidCentralSystemCertificate,
    ),
    "own_certificate": (SecurityEvent.FailedToAuthenticateAtCentralSystem,),
    "password": (SecurityEvent.FailedToAuthenticateAtCentralSystem,),
    "tls_version": (SecurityEvent.InvalidTLSVersion,),
    "cipher_suite": (SecurityEvent.InvalidTLSCipherSuite,),
}
LEAVING = {
    "restart": "restart by an installer",
    "soft_reset": "soft reset by the Central System",
    "hard_reset": "hard reset by the Central System",
    "firmware": "restart after an installation of firmware",
}


class Watch:
    def __init__(self, blocks: Blocks) -> None:
        self._blocks = blocks
        self._doors: set[int] = set()  # connectors (0: the station) whose door was seen open
        self._refused: tuple[LinkTrouble, str] | None = None  # what the attempts since the last connection failed for
        self._troubled = False
        self._leaving = False

    def raise_event(self, event: SecurityEvent, info: str, step: Step) -> None:
        """Something happened that somebody else saw."""
        self._blocks.security_log.add(event, info, self._blocks.clock.offset_s(step), step)

    def started(self, log_lost: bool, step: Step) -> None:
        """log_lost: the store had to begin anew, without the log that there was."""
        version = self._blocks.site.firmware_version or "unknown"
        self.raise_event(SecurityEvent.StartupOfTheDevice, f"firmware {version}, start {self._blocks.run}", step)
        if log_lost:
            self.raise_event(SecurityEvent.SecurityLogWasCleared, "the database could not be read and was set aside", step)

    def link_down(self, event: LinkDown, step: Step) -> None:
        """Attempts that fail one after the other for one reason are one event."""
        refused = None if event.trouble is None else (event.trouble, event.reason)
        if event.trouble is not None and refused != self._refused:
            self._refused = refused
            for one in TROUBLES[event.trouble]:
                self.raise_event(one, event.reason, step)

    def link_up(self) -> None:
        """A connection is open: what fails after it is news."""
        self._refused = None

    def invalid_message(self, info: str, step: Step) -> None:
        self.raise_event(SecurityEvent.InvalidMessages, info, step)

    def reconfigured(self, info: str, step: Step) -> None:
        self.raise_event(SecurityEvent.ReconfigurationOfSecurityParameters, info, step)

    def settle(self, step: Step) -> None:
        """What can be seen in the facts as they are now."""
        blocks = self._blocks
        moved_s, blocks.clock.moved_s = blocks.clock.moved_s, 0.0
        if abs(moved_s) >= MOVED_S:
            self.raise_event(SecurityEvent.SettingSystemTime, f"moved by {moved_s:+.0f} s", step)
        self._see_doors(step)
        troubled = Fault.STORE_TROUBLED in blocks.station_faults
        if troubled and not self._troubled:
            self.raise_event(SecurityEvent.MemoryExhaustion, "the disk can hardly keep more", step)
        self._troubled = troubled
        leaving = "" if blocks.leaving is None else blocks.leaving.kind
        leaves, self._leaving = bool(leaving) and not self._leaving, bool(leaving)
        if leaves and (why := LEAVING.get(leaving)) is not None:
            self.raise_event(SecurityEvent.ResetOrReboot, why, step)
        version, blocks.firmware.updated = blocks.firmware.updated, None
        if version is not None:
            self.raise_event(SecurityEvent.FirmwareUpdated, f"firmware {version} runs", step)
        blocks.security_log.settle(blocks.clock.offset_s(step), leaves, step)

    def _see_doors(self, step: Step) -> None:
        blocks = self._blocks
        faults = {0: blocks.station_faults, **{number: one.faults for number, one in blocks.connectors.items()}}
        doors = {number for number, active in faults.items() if Fault.DOOR_OPEN in active}
        for number in sorted(doors - self._doors):
            where = f"the door of connector {number}" if number else "the station's door"
            self.raise_event(SecurityEvent.TamperDetectionActivated, f"{where} is open", step)
        self._doors = doors
