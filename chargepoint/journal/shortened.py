"""Shortened: a SendLocalList of thousands of entries as one of a few, which the core takes in the same way.

Owns why that is exact: the core hands the entries of a list that it takes to the store and keeps none (`core/local_list`), and
what it will know of the list comes with ListStored. So a list that was taken may have fewer entries: the same state, and the
same effects but for the entries in StoreList. What was not taken may owe that to any entry, and is never shortened.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from chargepoint.core.effects import Effect, StoreList
from chargepoint.core.events import FrameReceived

LONG = 16 << 10  # characters; what is shorter is recorded as it came
ENTRIES = 8


class _List(msgspec.Struct, rename="camel", omit_defaults=True):
    list_version: int
    update_type: str
    local_authorization_list: list[msgspec.Raw]


_FRAMES = msgspec.json.Decoder(tuple[int, str, str, _List])
_ENCODER = msgspec.json.Encoder()


def shortened(event: FrameReceived, effects: Sequence[Effect]) -> tuple[FrameReceived, list[Effect], str] | None:
    """The event and its effects with the first few entries, and what was left out; None where that would not be exact."""
    if not any(isinstance(effect, StoreList) for effect in effects):
        return None
    try:
        kind, message_id, action, update = _FRAMES.decode(event.text)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
    entries = update.local_authorization_list
    update.local_authorization_list = entries[:ENTRIES]
    frame: Any = (kind, message_id, action, update)
    short = [_first(effect) if isinstance(effect, StoreList) else effect for effect in effects]
    return FrameReceived(_ENCODER.encode(frame).decode()), short, f"{len(entries)} entries, of which {ENTRIES} are recorded"


def _first(effect: StoreList) -> StoreList:
    return msgspec.structs.replace(effect, entries=effect.entries[:ENTRIES])
