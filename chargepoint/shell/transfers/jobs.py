"""What passes between the station and the process of a transfer: one job in, lines of progress and one end out (JSON).

Owns these values and the words of a failure. A failure is hopeless where trying the same again cannot help.
"""

from typing import Literal

import msgspec
from msgspec import Struct

from chargepoint.core.maintenance_records import Refusal
from chargepoint.shell.vault.folder import Places

MIB = 1 << 20
REDIRECTS_MAX = 5
BLOCK_BYTES = 64 * 1024
CONNECT_S = 20.0


class Job(Struct, frozen=True, kw_only=True):
    """One attempt. path: the local file; a download writes PATH.part first.

    size_max: bytes; free_min: bytes that must stay free on the disk. silence_s: how long a server may say nothing at all.
    certificates: the Central System's roots there are trusted besides the system's authorities. known_hosts: where keys of SFTP
    servers are kept.
    """

    do: Literal["download", "upload"]
    url: str
    path: str
    size_max: int
    free_min: int = 0
    silence_s: float = 60.0
    certificates: Places | None = None
    known_hosts: str | None = None


class Progress(Struct, frozen=True, tag="progress"):
    """Bytes of the file so far, those of earlier attempts included. total: where it is known."""

    size: int
    total: int | None = None


class Done(Struct, frozen=True, tag="done"):
    """The file is complete: bytes in all, and how many of them this attempt moved."""

    size: int
    moved: int


class Failed(Struct, frozen=True, tag="failed"):
    """refusal: how the server refused it, where it did."""

    why: str
    hopeless: bool = False
    refusal: Refusal | None = None


Line = Progress | Done | Failed

decode_job = msgspec.json.Decoder(Job).decode
decode_line = msgspec.json.Decoder(Line).decode
encode = msgspec.json.Encoder().encode


class TransferError(Exception):
    """An attempt failed; the text says what was seen and, where there is one, the next step. Never holds a password."""

    def __init__(self, why: str, *, hopeless: bool = False, refusal: Refusal | None = None) -> None:
        super().__init__(why)
        self.hopeless = hopeless
        self.refusal = refusal
