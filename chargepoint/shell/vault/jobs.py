"""What passes between the station and the process that works on certificates: one job in, one result out (JSON).

Owns these values. No private key is among them.
"""

import msgspec
from msgspec import Struct

from chargepoint.core.vault_records import VaultAnswer, VaultContents, VaultRequest
from chargepoint.shell.vault.folder import Places


class Job(Struct, frozen=True, kw_only=True):
    """request None: only a look. now_s: the best time that is known, seconds since 1970 UTC. image: of a firmware download."""

    places: Places
    now_s: float
    image: str
    request: VaultRequest | None = None


class Result(Struct, frozen=True, kw_only=True):
    contents: VaultContents
    answer: VaultAnswer | None = None


decode_job = msgspec.json.Decoder(Job).decode
decode_result = msgspec.json.Decoder(Result).decode
encode = msgspec.json.Encoder().encode
