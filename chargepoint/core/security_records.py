"""Records of security: what the station must still know after a power cut so that it never becomes less safe by one.

"Improved security for OCPP 1.6-J", edition 2, section 2 and use case A05.
"""

from typing import Annotated

from msgspec import Meta, Struct

Profile = Annotated[int, Meta(ge=0, le=3)]


class SecurityRecord(Struct, frozen=True, kw_only=True):
    """Security profiles. wanted: by SecurityProfile, None: nobody raised it. before: what it was raised from, for as long as
    `wanted` has not connected. proven: the highest above 0 with which the Central System was reached; nothing lower is used.
    """

    wanted: Profile | None = None
    before: Profile | None = None
    proven: Profile = 0


class PutSecurity(Struct, frozen=True):
    record: SecurityRecord
