"""Talk: the newest frames of the conversation with the Central System, in memory, for whoever opens a page in its middle.

Owns the two bounds, frames and characters; at either the oldest goes. A frame is kept as it came, since that costs nothing;
its secrets are blanked when somebody looks.
"""

import time
from collections import deque
from typing import Any

from chargepoint.shell.redact import SHOWN_MAX, frame_text

FRAMES_MAX = 400
CHARACTERS_MAX = 256 * 1024

Kept = tuple[int, float, str, str]


class Talk:
    def __init__(self, frames_max: int = FRAMES_MAX, characters_max: int = CHARACTERS_MAX) -> None:
        self._frames: deque[Kept] = deque()
        self._frames_max, self._characters_max = frames_max, characters_max
        self._characters = 0
        self._number = 0

    def add(self, direction: str, text: str | bytes) -> Kept:
        """direction: sent or received. Bytes are no frame of OCPP and are kept as text that shows them."""
        plain = text if isinstance(text, str) else text.decode("utf-8", "replace")
        if len(plain) > self._characters_max // 4:
            plain = frame_text(plain)  # at most SHOWN_MAX characters: one monster must not drive out all others
        self._number += 1
        kept = (self._number, time.time(), direction, plain)
        self._frames.append(kept)
        self._characters += len(plain)
        while len(self._frames) > self._frames_max or self._characters > self._characters_max:
            self._characters -= len(self._frames.popleft()[3])
        return kept

    def newest(self, limit: int) -> list[dict[str, Any]]:
        """The newest frames, the oldest of them first."""
        return [shown(kept) for kept in list(self._frames)[-limit:]] if limit else []


def shown(kept: Kept) -> dict[str, Any]:
    """A frame for people. seq grows by one a frame; at_s: seconds since 1970 by the system's clock, which may be wrong."""
    seq, at_s, direction, text = kept
    return {"seq": seq, "at_s": round(at_s, 3), "direction": direction, "text": frame_text(text)}


assert SHOWN_MAX <= CHARACTERS_MAX // 4
