"""Signing: how far the station has come with a certificate of its own (A02, A03).

Owns the state from the key pair that is being made to the certificate that is waited for, and the attempts. Refuses to know
keys and certificates. Nothing of it is stored: what a restart cuts short is asked for again.

Rules.
1. A SignCertificate that met no Accepted is sent again after RETRY_MIN_S, doubling up to RETRY_MAX_S, TRIES times in all. A
   connection that goes away is no attempt. Where the Central System does not know the message it is sent once.
2. Accepted, and no certificate within AWAIT_S: that is said in the log, and nothing is asked again for it (the white paper
   advises against it). A certificate that comes later is taken nevertheless.
3. A new order takes the place of the one before; one that comes while a pair is being made is the same one.
"""

from typing import Literal

from msgspec import Struct

from chargepoint.core.step import Step
from chargepoint.messages import GenericStatus

TRIES = 5
RETRY_MIN_S = 60.0
RETRY_MAX_S = 3_600.0
AWAIT_S = 86_400.0


class Resting(Struct, frozen=True, tag="resting"):
    """Nothing is asked for."""


class Making(Struct, frozen=True, tag="making"):
    """The key pair is being made."""


class Asking(Struct, frozen=True, tag="asking"):
    """SignCertificate is to be sent, not before `not_before_s`; None: it is under way."""

    csr: str
    not_before_s: float | None
    failed: int = 0


class Awaiting(Struct, frozen=True, tag="awaiting"):
    """For CertificateSigned."""

    until_s: float


class Signing:
    def __init__(self) -> None:
        self.state: Resting | Making | Asking | Awaiting = Resting()
        self.asked = False  # by the Central System: goes before the station is accepted, too

    def begin(self, *, asked: bool) -> bool:
        """A certificate is wanted. True where a key pair must be made for it."""
        self.asked = asked or (self.asked and isinstance(self.state, Making))
        if isinstance(self.state, Making):
            return False
        self.state = Making()
        return True

    def made(self, csr: str, why: str, step: Step) -> None:
        """The pair is there; csr empty: it could not be made."""
        if not isinstance(self.state, Making):
            return
        if csr:
            self.state = Asking(csr, step.mono_s)
        else:
            step.log("error", f"No signing request could be made: {why}")
            self.state = Resting()

    def to_send(self, mono_s: float) -> str | None:
        """The signing request, where it is its time."""
        state = self.state
        if isinstance(state, Asking) and state.not_before_s is not None and mono_s >= state.not_before_s:
            return state.csr
        return None

    def sent(self) -> None:
        assert isinstance(self.state, Asking)
        self.state = Asking(self.state.csr, None, self.state.failed)

    def ended(
        self, kind: Literal["answered", "error", "timeout", "lost"], status: GenericStatus | None, text: str, step: Step
    ) -> None:
        """SignCertificate met its end (`rpc.Outcome`)."""
        state = self.state
        if not isinstance(state, Asking) or state.not_before_s is not None:
            return  # a new order came meanwhile
        if status is GenericStatus.Accepted:
            self.state = Awaiting(step.mono_s + AWAIT_S)
            return
        if kind == "lost":
            self.state = Asking(state.csr, step.mono_s, state.failed)
            return
        failed = state.failed + 1
        why = "Rejected" if kind == "answered" else text
        if failed >= TRIES or text.startswith(("NotImplemented", "NotSupported")):
            step.log(
                "error", f"The Central System signs no certificate for this station ({why}); it is not asked again for now."
            )
            self.state = Resting()
            return
        wait_s = min(RETRY_MIN_S * 2.0 ** (failed - 1), RETRY_MAX_S)
        step.log("warning", f"SignCertificate met no good answer ({why}); again in {wait_s:.0f} s.")
        self.state = Asking(state.csr, step.mono_s + wait_s, failed)

    def taken(self) -> None:
        """The certificate is there."""
        if isinstance(self.state, Awaiting):
            self.state = Resting()

    def settle(self, step: Step) -> None:
        if isinstance(self.state, Awaiting) and step.mono_s >= self.state.until_s:
            step.log(
                "error", "The Central System accepted a signing request, but no certificate came; ask for a new one there."
            )
            self.state = Resting()

    def deadline(self) -> float | None:
        """When the certificate has been waited for long enough."""
        return self.state.until_s if isinstance(self.state, Awaiting) else None

    def send_deadline(self) -> float | None:
        """When SignCertificate is due, where a CALL could go."""
        return self.state.not_before_s if isinstance(self.state, Asking) else None
