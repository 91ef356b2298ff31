"""Certificates: the messages about roots and about the station's own certificate (A02, A03, M03, M04, M05).

Owns the answers and what follows from them. Refuses to know files and keys: the vault works on them, and each question's answer
comes some time later (`VaultAnswered`). An answer that comes when its connection is gone is told nobody, and what it changed
stays.

Rules.
1. At most ASKED_MAX questions of the Central System wait for the vault; more are answered with a CALLERROR.
2. A root that is refused and a chain that is refused are security events; a full store (CertificateStoreMaxLength) is none.
3. The Central System root that vouches for the connection stays, and while a TLS profile is in use the last one does; with
   profile 3 a new certificate is used at once, over a new connection.
4. SignCertificate for a trigger needs CpoName (prerequisite of A02). A renewal goes on without it: a station that falls off the
   network for want of a name is worse.
"""

from typing import Any

from msgspec import Struct

from chargepoint.core import vault_records as vr
from chargepoint.core.blocks import Blocks
from chargepoint.core.effects import AskVault, CloseLink, SendFrame
from chargepoint.core.security import MUTUAL, TLS
from chargepoint.core.security_events import SecurityEvent
from chargepoint.core.step import Step
from chargepoint.core.watch import Watch
from chargepoint.messages import (
    CertificateSignedConf,
    CertificateSignedReq,
    CertificateSignedStatus,
    CertificateStatus,
    CertificateUse,
    DeleteCertificateConf,
    DeleteCertificateReq,
    DeleteCertificateStatus,
    ErrorCode,
    GetInstalledCertificateIdsConf,
    GetInstalledCertificateIdsReq,
    GetInstalledCertificateStatus,
    InstallCertificateConf,
    InstallCertificateReq,
    PayloadError,
    TriggerMessageStatus,
    encode_result,
)

ASKED_MAX = 8
CENTRAL = CertificateUse.CentralSystemRootCertificate
ROOTS = {CENTRAL: "Central System root", CertificateUse.ManufacturerRootCertificate: "manufacturer root"}


class Asked(Struct, frozen=True):
    """What the vault works on. message_id: whom its answer is for; None: nobody, any more or at all."""

    request: vr.VaultRequest
    message_id: str | None


class Certificates:
    def __init__(self, blocks: Blocks, watch: Watch) -> None:
        self._blocks = blocks
        self._watch = watch
        self._asked: dict[str, Asked] = {}
        self._count = 0

    # --- what the Central System asks --------------------------------------------------------------------------------

    def install(self, req: InstallCertificateReq, message_id: str, step: Step) -> None:
        """M05."""
        keys = self._blocks.keys
        request = vr.InstallRoot(
            use=req.certificate_type,
            pem=req.certificate,
            length_max=keys.whole("CertificateStoreMaxLength"),
            signed_by_old=keys.boolean("AdditionalRootCertificateCheck"),
        )
        self._ask(request, message_id, step)

    def installed_ids(self, req: GetInstalledCertificateIdsReq, message_id: str, step: Step) -> None:
        """M03."""
        self._ask(vr.ListRoots(use=req.certificate_type), message_id, step)

    def delete(self, req: DeleteCertificateReq, message_id: str, step: Step) -> None:
        """M04."""
        security = self._blocks.security
        request = vr.DeleteRoot(
            hash_data=req.certificate_hash_data, keep_last=security.profile >= TLS, in_use=security.root_in_use
        )
        self._ask(request, message_id, step)

    def signed(self, req: CertificateSignedReq, message_id: str, step: Step) -> None:
        """A02 and A03: the certificate comes."""
        size_max = self._blocks.keys.whole("CertificateSignedMaxChainSize")
        self._ask(vr.TakeChain(pem=req.certificate_chain, size_max=size_max), message_id, step)

    def sign_asked(self, step: Step) -> TriggerMessageStatus:
        """ExtendedTriggerMessage(SignChargePointCertificate)."""
        if not self._blocks.keys.text("CpoName"):
            step.log("warning", "No signing request is sent: CpoName is not set.")
            return TriggerMessageStatus.Rejected
        self._begin_signing(step, asked=True)
        return TriggerMessageStatus.Accepted

    # --- what the vault answers ---------------------------------------------------------------------------------------

    def answered(self, key: str, answer: vr.VaultAnswer, step: Step) -> bool:
        """False where the question was none of these."""
        asked = self._asked.pop(key, None)
        if asked is None:
            return False
        match asked.request, answer:
            case vr.InstallRoot() as request, vr.RootInstalled():
                self._installed(request, answer, asked.message_id, step)
            case vr.ListRoots(), vr.RootsListed(hashes=hashes):
                status = GetInstalledCertificateStatus.Accepted if hashes else GetInstalledCertificateStatus.NotFound
                conf = GetInstalledCertificateIdsConf(status=status, certificate_hash_data=hashes or None)
                self._reply(asked.message_id, conf, step)
            case vr.DeleteRoot(), vr.RootDeleted(status=deleted, why=why):
                if deleted is DeleteCertificateStatus.Accepted:
                    self._watch.reconfigured("a root certificate was deleted", step)
                elif why:
                    step.log("warning", f"A root certificate was not deleted: {why}.")
                self._reply(asked.message_id, DeleteCertificateConf(status=deleted), step)
            case vr.TakeChain(), vr.ChainTaken(accepted=accepted, why=why):
                self._chain_taken(accepted, why, asked.message_id, step)
            case vr.MakeRequest(), vr.RequestMade(csr=csr, why=why):
                self._blocks.signing.made(csr, why, step)
            case _:
                step.log("error", f"Certificates: the answer to {key[:50]!r} is of another kind; it changes nothing.")
        return True

    def link_down(self) -> None:
        """Whom the answers were for is gone."""
        self._asked = {key: Asked(asked.request, None) for key, asked in self._asked.items()}

    def settle(self, step: Step) -> None:
        """A renewal that is due."""
        blocks = self._blocks
        if blocks.security.renewal_due(blocks.clock.now_s(step), step.mono_s):
            blocks.security.renewal_asked(step.mono_s)
            step.log("info", "The station's certificate ends soon: a new one is asked for.")
            self._begin_signing(step, asked=False)
        blocks.signing.settle(step)

    def deadline(self) -> float | None:
        times = self._blocks.signing.deadline(), self._blocks.security.renewal_deadline(self._blocks.clock.when)
        return min([time for time in times if time is not None], default=None)

    def _ask(self, request: vr.VaultRequest, message_id: str | None, step: Step) -> None:
        if message_id is not None and sum(asked.message_id is not None for asked in self._asked.values()) >= ASKED_MAX:
            raise PayloadError(
                ErrorCode.GenericError, f"{ASKED_MAX} questions about certificates wait for their answer already"
            )
        self._count += 1
        key = f"certificates-{self._blocks.run}-{self._count}"
        self._asked[key] = Asked(request, message_id)
        step.then(AskVault(key, request))

    def _begin_signing(self, step: Step, *, asked: bool) -> None:
        blocks = self._blocks
        if blocks.signing.begin(asked=asked):
            request = vr.MakeRequest(
                common_name=blocks.site.serial_number or blocks.site.identity,
                organization=blocks.keys.text("CpoName"),
                key_type=blocks.site.key_type,
            )
            self._ask(request, None, step)

    def _installed(self, request: vr.InstallRoot, answer: vr.RootInstalled, message_id: str | None, step: Step) -> None:
        what = ROOTS[request.use]
        if answer.status is CertificateStatus.Accepted:
            self._watch.reconfigured(f"a {what} was installed", step)
        else:
            step.log("warning", f"A {what} was not installed: {answer.why}.")
            if answer.status is CertificateStatus.Rejected and request.use is CENTRAL and not answer.full:
                self._watch.raise_event(SecurityEvent.InvalidCentralSystemCertificate, answer.why, step)
        self._reply(message_id, InstallCertificateConf(status=answer.status), step)

    def _chain_taken(self, accepted: bool, why: str, message_id: str | None, step: Step) -> None:
        if not accepted:
            self._watch.raise_event(SecurityEvent.InvalidChargePointCertificate, why, step)
            self._reply(message_id, CertificateSignedConf(status=CertificateSignedStatus.Rejected), step)
            return
        self._blocks.signing.taken()
        self._watch.reconfigured("the station has a new certificate", step)
        self._reply(message_id, CertificateSignedConf(status=CertificateSignedStatus.Accepted), step)
        if self._blocks.security.profile == MUTUAL and self._blocks.rpc.up:
            step.last(CloseLink("the new certificate is used"))

    def _reply(self, message_id: str | None, conf: Any, step: Step) -> None:
        if message_id is not None:
            step.then(SendFrame(encode_result(message_id, conf)))
