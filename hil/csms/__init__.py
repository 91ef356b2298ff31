"""A test Central System for OCPP 1.6J: answers like a real one, misbehaves on demand, keeps books.

For Python tests `CentralSystem`, for everything else `python -m hil.csms`. A second opinion on the station: it shares no
code with it.
"""

from hil.csms.books import Books, Note, Row
from hil.csms.desk import IdTag, Settings
from hil.csms.frames import Frame
from hil.csms.schemas import AVAILABLE as SCHEMAS_AVAILABLE
from hil.csms.server import CentralSystem, server_tls
from hil.csms.station import CallError, NoAnswer, NotConnected, Station

__all__ = [
    "SCHEMAS_AVAILABLE",
    "Books",
    "CallError",
    "CentralSystem",
    "Frame",
    "IdTag",
    "NoAnswer",
    "NotConnected",
    "Note",
    "Row",
    "Settings",
    "Station",
    "server_tls",
]
