"""What may be shown of a frame or an event: everything but secrets.

Owns the blanking of AuthorizationKey wherever a frame carries it (ChangeConfiguration.req; GetConfiguration.conf, though the
core never sends it), and of user, password and query (it may sign a request) in the URLs of GetDiagnostics.req and
UpdateFirmware.req. Refuses to alter anything else.
"""

import json
import re
from typing import Any

from chargepoint.core.events import Event, FrameReceived

SECRETS = frozenset({"authorizationkey"})
BLANK = "***"
SHOWN_MAX = 16_384
IN_URL = re.compile(r'(:\\?/\\?/)[^\s"/]+@')  # to the last @ before the path: a password may hold one
QUERY = re.compile(r'("location"\s*:\s*"[^"?]*\?)[^"]+')


def frame_text(text: str | bytes) -> str:
    """A frame as text for people, secrets blanked, at most `SHOWN_MAX` characters."""
    plain = text if isinstance(text, str) else text.decode("utf-8", "replace")
    # An escape can spell any name, so such a frame is looked into as well.
    if "authorizationkey" in plain.lower() or "\\u" in plain:
        try:
            plain = json.dumps(_blanked(json.loads(plain)), ensure_ascii=False, separators=(",", ":"))
        except (ValueError, RecursionError):
            plain = "(a frame that is no JSON and speaks of a secret)" if "authorizationkey" in plain.lower() else plain
    plain = QUERY.sub(rf"\1{BLANK}", without_secrets(plain))
    return plain if len(plain) <= SHOWN_MAX else f"{plain[:SHOWN_MAX]}... ({len(plain)} characters)"


def shown(event: Event) -> str:
    """An event as one line for the log."""
    if isinstance(event, FrameReceived):
        return f"FrameReceived({frame_text(event.text)!r})"
    return _masked(repr(event))


def _masked(text: str) -> str:
    if "authorizationkey" in text.lower():
        return "(an event that carries a secret)"
    return without_secrets(text)[:SHOWN_MAX]


def without_secrets(text: str) -> str:
    """Any text, user and password of URLs in it blanked."""
    return IN_URL.sub(rf"\1{BLANK}@", text)


def _blanked(value: Any) -> Any:
    if isinstance(value, list):
        return [_blanked(item) for item in value]
    if not isinstance(value, dict):
        return value
    holds_secret = any(isinstance(name, str) and name.lower() in SECRETS for name in value.values())
    return {
        key: BLANK if key.lower() in SECRETS or (holds_secret and key.lower() == "value") else _blanked(item)
        for key, item in value.items()
    }
