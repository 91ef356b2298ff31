"""Shortened: a SendLocalList of thousands of entries as one of a few, which the core takes in the same way.

Owns why that is exact: the core hands the entries of a list that it takes to the store and keeps none (`core/local_list`), and
what it will know of the list comes with ListStored. So a list that was taken may have fewer entries: the same state, and the
same effects but for the entries in StoreList. What was refused before may owe that to any entry, and is never shortened.
"""

import re
from collections.abc import Sequence

import msgspec

from chargepoint.core.effects import Effect, StoreList
from chargepoint.core.events import FrameReceived
from chargepoint.messages import SendLocalListReq, UpdateType

LONG = 16 << 10  # characters; what is shorter is recorded as it came
ENTRIES = 8

_HEAD = re.compile(r'\s*\[\s*2\s*,\s*("(?:[^"\\]|\\.)*")\s*,')
_HEAD_MAX = 1 << 10
_ENCODER = msgspec.json.Encoder()


def shortened(event: FrameReceived, effects: Sequence[Effect]) -> tuple[FrameReceived, list[Effect], str] | None:
    """The event and its effects with the first few entries, and what was left out; None where that would not be exact.

    The frame is made anew of what the core took from it: to read thousands of entries again takes half a millisecond.
    """
    taken = next((effect for effect in effects if isinstance(effect, StoreList)), None)
    start = event.text[:_HEAD_MAX]
    head = _HEAD.match(start if isinstance(start, str) else start.decode(errors="replace"))
    if taken is None or head is None:
        return None
    few = taken.entries[:ENTRIES]
    update = SendLocalListReq(
        list_version=taken.version,
        update_type=UpdateType.Full if taken.full else UpdateType.Differential,
        local_authorization_list=few,
    )
    frame = _ENCODER.encode((2, msgspec.json.decode(head[1]), "SendLocalList", update)).decode()
    short: list[Effect] = [msgspec.structs.replace(one, entries=few) if one is taken else one for one in effects]
    return FrameReceived(frame), short, f"{len(taken.entries)} entries, of which {ENTRIES} are recorded"
