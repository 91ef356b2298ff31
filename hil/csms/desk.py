"""The desk: what the Central System answers to a station's CALL when no rule says otherwise, and the settings behind it.

Books transactions while answering. Knows nothing of connections, frames and rules.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from hil.csms.books import Books
from hil.csms.frames import Payload
from hil.csms.schemas import FROM_STATION, TO_STATION, Problem, check
from hil.csms.times import Clock, from_iso

STATUSES = ("Accepted", "Blocked", "Expired", "Invalid", "ConcurrentTx")
BOOT_STATUSES = ("Accepted", "Pending", "Rejected")
ID_TAGS_KEPT = 200_000
VendorHandler = Callable[[Payload], Payload]


@dataclass(frozen=True)
class IdTag:
    """What the Central System knows of an id tag. expiry_date: ISO 8601; once past, the status is Expired."""

    status: str = "Accepted"
    expiry_date: str | None = None
    parent_id_tag: str | None = None

    def __post_init__(self) -> None:
        if self.status not in STATUSES:
            raise ValueError(f"status: {self.status!r} is none of {', '.join(STATUSES)}")
        if self.expiry_date is not None and from_iso(self.expiry_date) is None:
            raise ValueError(f"expiry: {self.expiry_date!r} is no time stamp such as 2030-01-01T00:00:00Z")
        if self.parent_id_tag is not None and not 1 <= len(self.parent_id_tag) <= 20:
            raise ValueError(f"parent: 1 to 20 characters are expected, found {self.parent_id_tag!r}")


@dataclass
class Settings:
    """How the Central System answers; every field may change while it runs.

    interval_s: of BootNotification.conf. patience_s: a second CALL while the first is unanswered and younger than this is a
    violation (a station that gave up waiting is not blamed). passwords: of single stations, before `password`, which is for
    all; None: nothing is asked. identities: who may connect; None: everybody.
    """

    interval_s: int = 300
    boot_status: str = "Accepted"
    default_id_tag: IdTag = field(default_factory=IdTag)
    id_tags: dict[str, IdTag] = field(default_factory=dict)
    concurrent_tx: bool = False  # answer ConcurrentTx for an id tag that has a transaction open elsewhere
    password: bytes | None = None
    passwords: dict[str, bytes] = field(default_factory=dict)
    identities: frozenset[str] | None = None
    patience_s: float = 0.5
    vendors: dict[str, VendorHandler] = field(default_factory=dict)  # vendorId → handler of DataTransfer.req
    sign_certificate: str = "Accepted"

    def set_id(
        self, id_tag: str, status: str = "Accepted", expiry_date: str | None = None, parent_id_tag: str | None = None
    ) -> None:
        """What is known of an id tag from now on; "*" is every one that has no entry. Raises ValueError."""
        known = IdTag(status, expiry_date, parent_id_tag)
        if id_tag == "*":
            self.default_id_tag = known
            return
        if not 1 <= len(id_tag) <= 20:
            raise ValueError(f"id tag: 1 to 20 characters are expected, found {id_tag!r}")
        if len(self.id_tags) >= ID_TAGS_KEPT:
            raise ValueError(f"id tag: there are {ID_TAGS_KEPT} already")
        self.id_tags[id_tag.casefold()] = known

    def password_of(self, identity: str) -> bytes | None:
        """What the station's Basic authentication must carry; None: nothing is asked."""
        return self.passwords.get(identity, self.password)


class Refused(Exception):
    """The CALL deserves a CALLERROR."""

    def __init__(self, code: str, description: str) -> None:
        super().__init__(f"{code}: {description}")
        self.code = code
        self.description = description


_TYPES: dict[str, dict[str, type]] = {  # what booking needs, when the schemas are not there to ask for it
    "Authorize": {"idTag": str},
    "StartTransaction": {"connectorId": int, "idTag": str, "meterStart": int, "timestamp": str},
    "StopTransaction": {"transactionId": int, "meterStop": int, "timestamp": str},
    "MeterValues": {"connectorId": int, "meterValue": list},
    "DataTransfer": {"vendorId": str},
}


class Desk:
    """Answers CALLs of stations."""

    def __init__(self, settings: Settings, books: Books, clock: Clock) -> None:
        self.settings = settings
        self.books = books
        self.clock = clock
        self._regular: dict[str, Callable[[str, Payload, bool], Payload]] = {
            "BootNotification": self._boot,
            "Heartbeat": lambda *_: {"currentTime": self.clock.now_iso()},
            "Authorize": lambda _, payload, __: {"idTagInfo": self.id_tag_info(payload["idTag"])},
            "StartTransaction": self._start,
            "StopTransaction": self._stop,
            "MeterValues": self._meter_values,
            "DataTransfer": self._data_transfer,
            "SignCertificate": lambda *_: {"status": self.settings.sign_certificate},
        }

    def examine(self, action: str, payload: Payload) -> list[Problem]:
        """What is wrong with a CALL; each is a violation."""
        if action in TO_STATION and action not in FROM_STATION:
            return [Problem(action, "is sent by the Central System only", "NotSupported")]
        if action not in FROM_STATION:
            return [Problem(action[:60], "is no action of OCPP 1.6", "NotImplemented")]
        problems = check(action, payload, "req")
        return problems if any(problem.grave for problem in problems) else problems + _missing(action, payload)

    def answer(self, identity: str, action: str, payload: Payload, problems: list[Problem], *, book: bool) -> Payload:
        """The regular answer. book=False: as if the message had not come, for answers only. Raises Refused."""
        for problem in problems:
            if problem.grave:
                raise Refused(problem.code, str(problem)[:255])
        if action in FROM_STATION and action not in ("StartTransaction", "StopTransaction", "MeterValues"):
            self.books.check_stamps(identity, action, payload)
        regular = self._regular.get(action)
        return {} if regular is None else regular(identity, payload, book)

    def id_tag_info(self, id_tag: str, *, starts: bool = False) -> Payload:
        """IdTagInfo (OCPP 1.6 section 7.27); compared without regard to case. starts: for a StartTransaction."""
        known = self.settings.id_tags.get(id_tag.casefold(), self.settings.default_id_tag)
        info: Payload = {"status": known.status}
        if known.expiry_date is not None:
            info["expiryDate"] = known.expiry_date
            if (from_iso(known.expiry_date) or 0.0) <= self.clock.now() and known.status == "Accepted":
                info["status"] = "Expired"
        if known.parent_id_tag is not None:
            info["parentIdTag"] = known.parent_id_tag
        if starts and self.settings.concurrent_tx and info["status"] == "Accepted":
            rows = [row for row in self.books.open_rows() if row.id_tag.casefold() == id_tag.casefold()]
            if len(rows) > 1:
                info["status"] = "ConcurrentTx"
        return info

    def _boot(self, identity: str, payload: Payload, book: bool) -> Payload:
        settings = self.settings
        return {"status": settings.boot_status, "currentTime": self.clock.now_iso(), "interval": settings.interval_s}

    def _start(self, identity: str, payload: Payload, book: bool) -> Payload:
        if not book:
            return {"transactionId": self.books.new_id(), "idTagInfo": self.id_tag_info(payload["idTag"])}
        try:
            row = self.books.start(identity, payload)
        except OverflowError as error:
            raise Refused("InternalError", str(error)) from None
        return {"transactionId": row.transaction_id, "idTagInfo": self.id_tag_info(payload["idTag"], starts=True)}

    def _stop(self, identity: str, payload: Payload, book: bool) -> Payload:
        if book:
            self.books.stop(identity, payload)
        return {"idTagInfo": self.id_tag_info(payload["idTag"])} if "idTag" in payload else {}

    def _meter_values(self, identity: str, payload: Payload, book: bool) -> Payload:
        if book:
            self.books.meter_values(identity, payload)
        return {}

    def _data_transfer(self, identity: str, payload: Payload, book: bool) -> Payload:
        handler = self.settings.vendors.get(payload["vendorId"])
        return {"status": "UnknownVendorId"} if handler is None else handler(payload)


def _missing(action: str, payload: Payload) -> list[Problem]:
    problems = []
    for name, kind in _TYPES.get(action, {}).items():
        value: Any = payload.get(name)
        if not isinstance(value, kind) or isinstance(value, bool):
            problems.append(
                Problem(f"{action}.req.{name}", f"{kind.__name__} expected, found {value!r}", "TypeConstraintViolation")
            )
    for name in ("meterValue", "transactionData"):
        values = payload.get(name, [])
        whole = isinstance(values, list) and all(
            isinstance(value, dict)
            and isinstance(value.get("sampledValue"), list)
            and all(isinstance(sample, dict) for sample in value["sampledValue"])
            for value in values
        )
        if not whole:
            problems.append(Problem(f"{action}.req.{name}", "a list of MeterValue is expected", "TypeConstraintViolation"))
    return problems


def read_password(text: str) -> bytes:
    """A password from the command line: `hex:...`, `text:...`, or by itself hexadecimal if it is 32 to 40 hexadecimal digits
    (an AuthorizationKey of 16 to 20 bytes as the security white paper has it), text otherwise. Raises ValueError.
    """
    if text.startswith("text:"):
        return text.removeprefix("text:").encode()
    if text.startswith("hex:") or re.fullmatch(r"[0-9a-fA-F]{32,40}", text):
        digits = text.removeprefix("hex:")
        try:
            return bytes.fromhex(digits)
        except ValueError:
            raise ValueError(
                f"password: an even number of hexadecimal digits is expected after hex:, found {digits!r}"
            ) from None
    return text.encode()


def read_id(text: str) -> dict[str, Any]:
    """`TAG=STATUS[,parent=..][,expiry=..]` → the arguments of `Settings.set_id`. Raises ValueError."""
    tag, equals, rest = text.partition("=")
    status, *options = rest.split(",")
    if not equals or not tag:
        raise ValueError(f"id: TAG=STATUS[,parent=TAG][,expiry=TIME] is expected, found {text!r}")
    arguments: dict[str, Any] = {"id_tag": tag, "status": status}
    for option in options:
        name, _, value = option.partition("=")
        if name not in ("parent", "expiry") or not value:
            raise ValueError(f"id: parent=TAG or expiry=TIME is expected, found {option!r} in {text!r}")
        arguments["parent_id_tag" if name == "parent" else "expiry_date"] = value
    return arguments
