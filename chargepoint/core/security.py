"""Security: which security profile the link uses, and when the station's certificate is to be renewed.

Owns the rule of profiles and what the vault told ("Improved security for OCPP 1.6-J", edition 2, section 2, A02, A03 and A05).
Refuses to know files, keys and sockets.

Rules.
1. The profile is the highest of the settings' one, the one that SecurityProfile was raised to, and the highest that has ever
   reached the Central System. Nothing lowers it below the last of these: no command, no settings file, no restart.
2. One that has never reached the Central System is given up after TRIES connections that failed, where another one worked
   before it; that one is used again. What the settings ask for is tried again with the next start. Where nothing worked before,
   there is nothing to fall back to.
3. One that was accepted is stored at once and used from the next connection on. An open connection stays for GRACE_S: some
   Central Systems follow with a Reset over it (the certification tool is one), others wait for the station to connect again.
4. It has reached the Central System when a frame came over a connection with it.
5. The certificate is to be renewed `renew_before_s` before its end, but not before two thirds of its life are over; once in
   AGAIN_S while nothing comes of it.
6. The AuthorizationKey is the one that the Central System gave last, until the settings hold another one than they held then: a
   station that moves to another Central System gets its key by the settings.
"""

from collections.abc import Callable

from msgspec.structs import replace

from chargepoint.core.effects import SetSecurityProfile
from chargepoint.core.security_records import PutSecurity, SecurityRecord
from chargepoint.core.step import Step
from chargepoint.core.vault_records import VaultContents

TRIES = 5
GRACE_S = 10.0
AGAIN_S = 86_400.0
PASSWORD, TLS, MUTUAL = 1, 2, 3


class Security:
    """first: the profile of the settings. renew_before_s: how long before its end the certificate is to be renewed."""

    def __init__(self, record: SecurityRecord, first: int, renew_before_s: float) -> None:
        self._record = record
        self._first = first
        self._renew_before_s = renew_before_s
        self._failed = 0
        self._move_s: float | None = None  # when the open connection makes way for one with the profile that was accepted
        self._up: int | None = None  # the profile of the connection that is open
        self.root_in_use: str | None = None  # fingerprint of the root that vouches for that connection
        self._given_up = False  # what the settings ask for; until the next start
        self._asked_s: float | None = None
        self.contents = VaultContents()

    @property
    def profile(self) -> int:
        """The one that the link uses."""
        first = 0 if self._given_up else self._first
        return max(first, self._record.wanted or 0, self._record.proven)

    @property
    def proven(self) -> int:
        return self._record.proven

    @property
    def connected(self) -> int:
        """The one of the connection that is open; 0 without one."""
        return self._up or 0

    @property
    def on_trial(self) -> bool:
        """The profile has not reached the Central System yet."""
        return self.profile > self._record.proven

    @property
    def _before(self) -> int | None:
        """What is used again where the profile does not reach the Central System."""
        if self._record.before is not None:
            return self._record.before
        return self._record.proven or None

    @property
    def signed_firmware_only(self) -> bool:
        """Unsigned firmware is not taken: a profile with TLS is in use, or there is a root to check signatures with."""
        return self.profile >= TLS or self._record.signed_firmware

    def seen(self, contents: VaultContents, step: Step) -> None:
        """What certificates there are now."""
        self.contents = contents
        signed = contents.manufacturer_roots > 0
        if signed != self._record.signed_firmware:
            self._put(replace(self._record, signed_firmware=signed), step)

    def begin(self, step: Step) -> None:
        """The process has started: the link is told before it opens its first connection."""
        if self._first < self._record.proven:
            text = f"security_profile = {self._first} of the settings is ignored: the Central System was reached with "
            step.log("warning", f"{text}profile {self._record.proven}, and nothing lower is used any more.")
        step.then(SetSecurityProfile(self.profile))

    def key_given(self, mark: str, step: Step) -> None:
        """The Central System gave an AuthorizationKey in the place of the settings' one, which has this mark."""
        if self._record.replaced != mark:
            self._put(replace(self._record, replaced=mark), step)

    def takes_back_key(self, mark: str, step: Step) -> bool:
        """True where the settings' AuthorizationKey is newer than the one that the Central System gave."""
        superseded = self._record.superseded_by(mark)
        if superseded:
            self._put(replace(self._record, replaced=None), step)
        return superseded

    def refusal(self, profile: int, has_key: bool) -> str | None:
        """Why SecurityProfile cannot be raised to this, in words; None where it can."""
        seen = self.contents
        if profile <= self.profile:
            return f"can only rise: it is {self.profile}, found {profile}"
        if profile in (PASSWORD, TLS) and not has_key:
            return f"{profile} needs an AuthorizationKey first"
        if profile >= TLS and seen.central_system_roots == 0:
            return f"{profile} needs a Central System root certificate first (InstallCertificate)"
        if profile == MUTUAL and (seen.client_until_s is None or seen.client_problem):
            why = seen.client_problem or "there is none"
            return f"{profile} needs a certificate of the station first (SignCertificate): {why}"
        return None

    def raise_to(self, profile: int, step: Step) -> None:
        """SecurityProfile was accepted: at once where there is no connection, else when the one that there is ends."""
        before = self.profile
        if self.on_trial and self._record.before is not None:
            before = self._record.before  # the one that has worked
        self._put(replace(self._record, wanted=profile, before=before), step)
        self._failed = 0
        step.log("info", f"The security profile rises from {before} to {profile}: the next connection has it.")
        if self._up is None:
            self._move(step)
        else:
            self._move_s = step.mono_s + GRACE_S

    def move_where_due(self, step: Step) -> None:
        """No Reset came in time: the station connects again by itself."""
        if self._move_s is not None and step.mono_s >= self._move_s:
            self._move(step)

    @property
    def move_deadline(self) -> float | None:
        """When `move_where_due` is due."""
        return self._move_s

    def link_up(self, profile: int, root: str | None) -> None:
        """A connection is open, which the link began with this profile."""
        self._up, self.root_in_use = profile, root

    def heard(self, step: Step) -> bool:
        """A frame came. True where it is the first with a profile above all that reached the Central System before."""
        if self._up != self.profile or not self.on_trial:
            return False
        self._failed = 0
        self._put(replace(self._record, before=None, proven=self.profile), step)
        step.log("info", f"The Central System is reached with security profile {self.profile}; nothing lower is used any more.")
        return True

    def link_down(self, profile: int, reason: str, step: Step) -> bool:
        """A connection with this profile ended or did not come about. True where the station falls back to what worked."""
        self._up = self.root_in_use = None
        if self._move_s is not None:
            self._move(step)
        if profile != self.profile:
            return False
        before = self._before
        if not self.on_trial or before is None:
            return False
        self._failed += 1
        if self._failed < TRIES:
            return False
        given_up = self.profile
        self._failed = 0
        self._given_up = self._first > before
        if self._record.wanted is not None:
            self._put(replace(self._record, wanted=before or None, before=None), step)
        text = f"Security profile {given_up} did not reach the Central System in {TRIES} attempts ({reason}); "
        step.log("error", f"{text}the station goes back to profile {self.profile}.")
        step.then(SetSecurityProfile(self.profile))
        return True

    def renewal_due(self, now_s: float | None, mono_s: float) -> bool:
        """A new certificate is to be asked for. now_s: the time of day, where it is known."""
        due_s = self._renewal_s
        if now_s is None or due_s is None or now_s < due_s:
            return False
        return self._asked_s is None or mono_s >= self._asked_s + AGAIN_S

    def renewal_asked(self, mono_s: float) -> None:
        self._asked_s = mono_s

    def renewal_deadline(self, when: Callable[[float], float | None]) -> float | None:
        """When it falls due, in monotonic seconds. when: what makes monotonic seconds of a date."""
        date_s = self._renewal_s
        due_s = None if date_s is None else when(date_s)
        if due_s is None or self._asked_s is None:
            return due_s
        return max(due_s, self._asked_s + AGAIN_S)

    @property
    def _renewal_s(self) -> float | None:
        """The date from which on a new certificate is wanted."""
        since_s, until_s = self.contents.client_since_s, self.contents.client_until_s
        if since_s is None or until_s is None:
            return None
        return max(until_s - self._renew_before_s, since_s + (until_s - since_s) * 2 / 3)

    def _move(self, step: Step) -> None:
        self._move_s = None
        step.last(SetSecurityProfile(self.profile))

    def _put(self, record: SecurityRecord, step: Step) -> None:
        self._record = record
        step.change(PutSecurity(record))
