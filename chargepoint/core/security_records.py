"""Records of security: what the station must still know after a power cut so that it never becomes less safe by one.

"Improved security for OCPP 1.6-J", edition 2, section 2, and use cases A04 and A05.
"""

from typing import Annotated

from msgspec import Meta, Struct

from chargepoint.core.security_events import SecurityEvent

Profile = Annotated[int, Meta(ge=0, le=3)]
INFO_MAX = 255


class SecurityRecord(Struct, frozen=True, kw_only=True):
    """Security profiles. wanted: by SecurityProfile, None: nobody raised it. before: what it was raised from, for as long as
    `wanted` has not connected. proven: the highest above 0 with which the Central System was reached; nothing lower is used.
    signed_firmware: a manufacturer root was there, so unsigned firmware is not taken. replaced: the mark of the key
    (AuthorizationKey) that the settings held when the Central System gave another one; None: it never has.
    """

    wanted: Profile | None = None
    before: Profile | None = None
    proven: Profile = 0
    signed_firmware: bool = False
    replaced: Annotated[str, Meta(max_length=64)] | None = None

    def key_in_force(self, given: str, mark: str) -> str:
        """The key that the Central System gave; empty where the settings' one, which has this mark, counts instead of it."""
        return "" if self.superseded_by(mark) else given

    def superseded_by(self, mark: str) -> bool:
        """The settings hold another AuthorizationKey since: whoever wrote it there knows better than what was given before."""
        return self.replaced is not None and mark not in ("", self.replaced)


class SecurityEventRecord(Struct, frozen=True, kw_only=True):
    """A line of the security log. boot, mono_s: when, dated by offset_s once the time is known. info: techInfo, at most
    INFO_MAX characters. owed: the Central System has not confirmed it yet.
    """

    seq: Annotated[int, Meta(ge=1)]
    event: SecurityEvent
    boot: int
    mono_s: Annotated[float, Meta(ge=0, le=1e10)]
    offset_s: Annotated[float, Meta(ge=-1e10, le=1e11)] | None = None
    info: str = ""
    owed: bool = False


class PutSecurity(Struct, frozen=True):
    record: SecurityRecord


class PutSecurityEvent(Struct, frozen=True):
    """A new line of the security log, or an old one with its date or its delivery brought up to date.

    The store keeps the newest 250 of each kind, and those that are owed.
    """

    record: SecurityEventRecord
