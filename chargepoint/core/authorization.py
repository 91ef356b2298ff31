"""Authorisation: may this id tag charge, and who says so (OCPP 1.6 sections 3.4, 3.5, 4.1, 7.2, 7.8).

Owns the order of the sources and the checks under way. Refuses to know what a verdict leads to: whoever asked gave a purpose
and gets it back with the verdict.

Rules.
1. The local list speaks before the cache, the cache before the Central System, and the rules for being offline come last.
2. A valid entry starts a session at once if LocalPreAuthorize (online) or LocalAuthorizeOffline (offline) says so; online, an
   entry that is not valid is asked again, as its state may have changed.
3. Id tags compare without regard to case and are sent as they were read.
4. What the Central System says of an id that is not on the local list enters the cache, refusals too.
5. A driver never waits long: without an answer in ASK_S seconds the rules for being offline decide.
"""

from typing import Generic, TypeVar

from msgspec import Struct

from chargepoint.core.configuration_view import KeyReader
from chargepoint.core.effects import LookUp
from chargepoint.core.id_tags import same_id
from chargepoint.core.records import CacheId, IdTagRecord
from chargepoint.core.step import Step
from chargepoint.facts import Refusal
from chargepoint.messages import AuthorizationStatus, IdTagInfo, from_utc

ASK_S = 15.0
CHECKS_MAX = 64

P = TypeVar("P")


class Verdict(Struct, frozen=True, kw_only=True):
    """The outcome. listed: the id is on the local list (it does not enter the cache). source: for the log and the ledger."""

    id_tag: str
    status: AuthorizationStatus
    source: str
    parent_id_tag: str | None = None
    listed: bool = False

    @property
    def accepted(self) -> bool:
        return self.status is AuthorizationStatus.Accepted

    @property
    def refusal(self) -> Refusal:
        """What a refused driver is shown."""
        return Refusal.UNKNOWN_OFFLINE if self.source == "offline" else refusal_of(self.status)


REFUSALS = {
    AuthorizationStatus.Blocked: Refusal.BLOCKED,
    AuthorizationStatus.Expired: Refusal.EXPIRED,
    AuthorizationStatus.ConcurrentTx: Refusal.CONCURRENT,
}


def refusal_of(status: AuthorizationStatus) -> Refusal:
    """What a driver is shown whose id tag has this status."""
    return REFUSALS.get(status, Refusal.UNKNOWN)


class Checking(Struct, Generic[P]):
    """A check under way: first the store is asked, then, where it must be, the Central System."""

    ticket: int
    id_tag: str
    purpose: P
    listed: IdTagRecord | None = None
    cached: IdTagRecord | None = None
    asking: bool = False
    sent: bool = False
    until_s: float = 0.0


def record_of(id_tag: str, info: IdTagInfo) -> IdTagRecord:
    """An IdTagInfo as it is kept."""
    expiry_s = None if info.expiry_date is None else from_utc(info.expiry_date)
    return IdTagRecord(id_tag=id_tag, status=info.status, parent_id_tag=info.parent_id_tag, expiry_s=expiry_s)


class Authorization(Generic[P]):
    def __init__(self, keys: KeyReader) -> None:
        self._keys = keys
        self._next_ticket = 1
        self._checks: dict[int, Checking[P]] = {}

    def begin(self, id_tag: str, purpose: P, step: Step) -> bool:
        """Begins a check; False where too many are under way."""
        if len(self._checks) >= CHECKS_MAX:
            return False
        ticket, self._next_ticket = self._next_ticket, self._next_ticket + 1
        self._checks[ticket] = Checking(ticket=ticket, id_tag=id_tag, purpose=purpose)
        step.then(LookUp(ticket, id_tag))
        return True

    def checking(self, id_tag: str, purpose: P) -> bool:
        """Whether the same id is being checked for the same purpose already."""
        return any(check.purpose == purpose and same_id(check.id_tag, id_tag) for check in self._checks.values())

    def looked_up(
        self, ticket: int, listed: IdTagRecord | None, cached: IdTagRecord | None, online: bool, now_s: float | None, step: Step
    ) -> tuple[P, Verdict] | None:
        """The store's answer; a verdict where no one else need be asked."""
        check = self._checks.get(ticket)
        if check is None or check.asking:
            return None
        check.listed = listed if self._keys.boolean("LocalAuthListEnabled") else None
        check.cached = cached if self._keys.boolean("AuthorizationCacheEnabled") else None
        if not online:
            return self._finish(check, self._offline(check, now_s))
        known = check.listed or check.cached
        if known is not None and self._keys.boolean("LocalPreAuthorize") and self._valid(known, now_s):
            return self._finish(check, self._from(known, check))
        check.asking = True
        check.until_s = step.mono_s + ASK_S
        return None

    def to_ask(self) -> Checking[P] | None:
        """The oldest check whose Authorize.req is to be sent."""
        return next((check for check in self._checks.values() if check.asking and not check.sent), None)

    def answered(self, ticket: int, info: IdTagInfo) -> tuple[P, Verdict] | None:
        """Authorize.conf; None where the check gave up waiting."""
        check = self._checks.get(ticket)
        if check is None:
            return None
        verdict = Verdict(
            id_tag=check.id_tag,
            status=info.status,
            source="central_system",
            parent_id_tag=info.parent_id_tag,
            listed=check.listed is not None,
        )
        return self._finish(check, verdict)

    def give_up(self, ticket: int, now_s: float | None) -> tuple[P, Verdict] | None:
        """The Central System did not answer: the rules for being offline decide."""
        check = self._checks.get(ticket)
        return None if check is None else self._finish(check, self._offline(check, now_s))

    def offline(self, now_s: float | None) -> list[tuple[P, Verdict]]:
        """The connection went away: whatever was to be asked is decided without it."""
        asking = [check for check in self._checks.values() if check.asking]
        return [self._finish(check, self._offline(check, now_s)) for check in asking]

    def tick(self, mono_s: float, now_s: float | None) -> list[tuple[P, Verdict]]:
        late = [check for check in self._checks.values() if check.asking and mono_s >= check.until_s]
        return [self._finish(check, self._offline(check, now_s)) for check in late]

    def deadline(self) -> float | None:
        return min((check.until_s for check in self._checks.values() if check.asking), default=None) if self._checks else None

    def learn(self, id_tag: str, info: IdTagInfo, step: Step) -> None:
        """What a conf says of an id that is not on the local list goes into the cache."""
        if self._keys.boolean("AuthorizationCacheEnabled"):
            step.change(CacheId(record_of(id_tag, info)))

    def _offline(self, check: Checking[P], now_s: float | None) -> Verdict:
        known = check.listed or check.cached
        if known is not None and self._keys.boolean("LocalAuthorizeOffline"):
            if self._valid(known, now_s):
                return self._from(known, check)
            lapsed = known.status is AuthorizationStatus.Accepted
            return Verdict(
                id_tag=check.id_tag,
                status=AuthorizationStatus.Expired if lapsed else known.status,
                source="list" if check.listed else "cache",
            )
        unknown_ok = known is None and self._keys.boolean("AllowOfflineTxForUnknownId")
        return Verdict(
            id_tag=check.id_tag,
            status=AuthorizationStatus.Accepted if unknown_ok else AuthorizationStatus.Invalid,
            source="offline",
        )

    @staticmethod
    def _valid(known: IdTagRecord, now_s: float | None) -> bool:
        """While the time is unknown an entry that has an expiry counts as expired: it cannot be shown to be valid."""
        if known.status is not AuthorizationStatus.Accepted:
            return False
        return known.expiry_s is None or (now_s is not None and now_s < known.expiry_s)

    @staticmethod
    def _from(known: IdTagRecord, check: Checking[P]) -> Verdict:
        return Verdict(
            id_tag=check.id_tag,
            status=known.status,
            source="list" if check.listed is not None else "cache",
            parent_id_tag=known.parent_id_tag,
            listed=check.listed is not None,
        )

    def _finish(self, check: Checking[P], verdict: Verdict) -> tuple[P, Verdict]:
        del self._checks[check.ticket]
        return check.purpose, verdict
