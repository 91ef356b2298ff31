"""What may be shown of a frame or an event: everything but secrets.

Owns the blanking of AuthorizationKey wherever a frame carries it (ChangeConfiguration.req; GetConfiguration.conf, though the
core never sends it), and of user, password and query (it may sign a request) in the URLs of GetDiagnostics.req, GetLog.req and
those of firmware. Refuses to alter anything else.
"""

import json
import re
from typing import Any, TypeGuard

from chargepoint.core.events import Event, FrameReceived

SPELLED = "authorizationkey"
BLANK = "***"
SHOWN_MAX = 16_384
IN_URL = re.compile(r'(:\\?/\\?/)[^\s"/]+@')  # to the last @ before the path: a password may hold one
QUERY = re.compile(r'("(?:remoteLocation|location)"\s*:\s*"[^"?]*\?)[^"]+')


def frame_text(text: str | bytes) -> str:
    """A frame as text for people, secrets blanked, at most `SHOWN_MAX` characters."""
    plain = text if isinstance(text, str) else text.decode("utf-8", "replace")
    # An escape can spell any name, so such a frame is looked into as well.
    if SPELLED in plain.lower() or ("\\" in plain and "\\u" in plain):  # the first look costs a tenth of the second
        try:
            plain = json.dumps(_blanked(json.loads(plain)), ensure_ascii=False, separators=(",", ":"))
        except (ValueError, RecursionError):
            plain = "(a frame that is no JSON and may speak of a secret)"
    # Nothing that is blanked goes beyond a quotation mark, so what lies behind the first one that is not shown does not matter.
    end = plain.find('"', SHOWN_MAX)
    told = QUERY.sub(rf"\1{BLANK}", without_secrets(plain if end < 0 else plain[:end]))
    return told if end < 0 and len(told) <= SHOWN_MAX else f"{told[:SHOWN_MAX]}... ({len(plain)} characters)"


def shown(event: Event) -> str:
    """An event as one line for the log."""
    if isinstance(event, FrameReceived):
        return f"FrameReceived({frame_text(event.text)!r})"
    return _masked(repr(event))


def _masked(text: str) -> str:
    if SPELLED in text.lower():
        return "(an event that carries a secret)"
    return without_secrets(text)[:SHOWN_MAX]


def without_secrets(text: str) -> str:
    """Any text, user and password of URLs in it blanked."""
    return IN_URL.sub(rf"\1{BLANK}@", text)


def _blanked(value: Any) -> Any:
    """Whatever speaks of the key, with blanks around it or within a text of its own (DataTransfer), shows nothing of that."""
    if isinstance(value, list):
        return [_blanked(item) for item in value]
    if not isinstance(value, dict):
        return BLANK if _speaks(value) and value.strip().lower() != SPELLED else value
    holds_secret = any(_speaks(item) for item in value.values())
    return {
        key: BLANK if _speaks(key) or (holds_secret and key.strip().lower() == "value") else _blanked(item)
        for key, item in value.items()
    }


def _speaks(value: Any) -> TypeGuard[str]:
    return isinstance(value, str) and SPELLED in value.lower()
