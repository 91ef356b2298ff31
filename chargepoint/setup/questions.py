"""The fields of a set-up: what each is called, what it means, and what it is where nobody says otherwise.

One place for all who ask: the dialogue in a terminal and the page in a browser.
"""

from typing import Any

from msgspec import Struct

KINDS: dict[str, str] = {
    "socket": "a socket with a lock; contactor, pilot and lock on the pins of a Raspberry Pi",
    "tethered": "a fixed cable; contactor and pilot on the pins of a Raspberry Pi",
    "board": "a controller board on RS-485 makes the pilot and switches the contactor",
    "simulated": "everything but the meter stands on a test bench: moves nothing",
}


class Question(Struct, frozen=True):
    """label: what is asked. hint: what it means. default: taken where nothing is said; None: it must be said."""

    label: str
    hint: str
    default: Any = None


KIND = Question("Kind of station", "which parts the station has, and so what stands in its file", "socket")
IDENTITY = Question(
    "Identity", "as the Central System knows the station, for example CK_0001; it becomes the end of the address"
)
URL = Question("Address (url)", "the operator's address for OCPP 1.6 JSON, without the identity: wss://cs.example.org/ocpp")
KEY = Question(
    "Password (AuthorizationKey, hidden)",
    "the key from the operator, hexadecimal, or text: and a password of letters; nothing is shown while you type",
)
METER = Question("Meter", "the energy meter that counts what is sold", "sdm630")
READER = Question("Reader", "what cards are held to")
OF_BEFORE = (
    "This station has run before. What it keeps of that goes on: sessions that were not delivered, and the password that "
    "its Central System gave it, unless another one is typed here. For another operator, delete its database first."
)
NO_PORT = "there is no serial port; plug the adapter in"
CURRENT = Question("Fuse of the station, amperes a phase", "what the supply of the station can carry", 32.0)
