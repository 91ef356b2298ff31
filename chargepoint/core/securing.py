"""Securing: the security profile among the rest of the station ("Improved security for OCPP 1.6-J", edition 2, A05).

Owns the answer to a change of SecurityProfile, what proves a profile, and the way of the vault's answers to whoever asked.
Refuses to know how a connection is made.
"""

from chargepoint.core.blocks import Blocks
from chargepoint.core.certificates import Certificates
from chargepoint.core.effects import AllowWildcards
from chargepoint.core.events import LinkDown, LinkUp, VaultAnswered
from chargepoint.core.keys import BY_NAME
from chargepoint.core.maintenance import Maintenance
from chargepoint.core.step import Step
from chargepoint.core.watch import Watch
from chargepoint.messages import ConfigurationStatus

KEY = "SecurityProfile"
WILDCARDS = "AllowCentralSystemTLSWildcards"


class Securing:
    def __init__(self, blocks: Blocks, certificates: Certificates, maintenance: Maintenance, watch: Watch) -> None:
        self._blocks = blocks
        self._certificates = certificates
        self._maintenance = maintenance
        self._watch = watch
        self._mirror()

    def started(self, step: Step) -> None:
        self.wildcards(step)
        self._blocks.security.begin(step)
        if self._blocks.security.takes_back_key(self._blocks.site.key_mark, step):
            self._blocks.keys.forget("AuthorizationKey", step)
            text = "the settings hold another AuthorizationKey since the Central System gave one: theirs is used"
            step.log("warning", text[0].upper() + text[1:] + ".")
            self._watch.reconfigured(text, step)

    def key_given(self, step: Step) -> None:
        """ChangeConfiguration of AuthorizationKey was accepted."""
        self._blocks.security.key_given(self._blocks.site.key_mark, step)

    def wildcards(self, step: Step) -> None:
        """The link hears what AllowCentralSystemTLSWildcards is."""
        step.then(AllowWildcards(self._blocks.keys.boolean(WILDCARDS)))

    def set_profile(self, value: str, step: Step) -> tuple[ConfigurationStatus, str]:
        """ChangeConfiguration of SecurityProfile: Accepted only where everything that it needs is there."""
        wrong = BY_NAME[KEY.lower()].check(value) or self._blocks.security.refusal(int(value), self._has_key())
        if wrong is not None:
            return ConfigurationStatus.Rejected, f"{KEY} {wrong}"
        self._blocks.security.raise_to(int(value), step)
        self._mirror()
        return ConfigurationStatus.Accepted, ""

    def link_up(self, event: LinkUp) -> None:
        """A profile on trial is proven by an answer, so one is asked for; a BootNotification is due where nothing else is."""
        security, boot = self._blocks.security, self._blocks.boot
        self._watch.link_up()
        security.link_up(event.profile, event.root)
        if security.on_trial and boot.accepted:
            boot.heartbeat_triggered = True

    def link_down(self, event: LinkDown, step: Step) -> None:
        self._watch.link_down(event, step)
        self._certificates.link_down()
        self._maintenance.link_down()
        if self._blocks.security.link_down(event.profile, event.reason, step):
            self._watch.reconfigured(f"SecurityProfile falls back to {self._blocks.security.profile}", step)
            self._mirror()

    def settle(self, step: Step) -> None:
        """A station that is leaving keeps its connection: its last messages go over it, and the next start has the profile."""
        if self._blocks.leaving is None:
            self._blocks.security.move_where_due(step)

    def deadline(self) -> float | None:
        return self._blocks.security.move_deadline if self._blocks.leaving is None else None

    def heard(self, step: Step) -> bool:
        """A frame that could be read came over the connection. True where that proves a profile."""
        return self._blocks.security.heard(step)

    def answered(self, event: VaultAnswered, step: Step) -> None:
        """An answer that nobody waits for any more (a restart lay between) changes nothing."""
        done = self._certificates.answered(event.key, event.answer, step)
        if done or self._maintenance.answered(event.key, event.answer, step):
            return
        step.log("info", f"Certificates: an answer came that nobody waits for ({event.key[:50]!r}).")

    def _has_key(self) -> bool:
        return bool(self._blocks.keys.text("AuthorizationKey")) or bool(self._blocks.site.key_mark)

    def _mirror(self) -> None:
        """The key reads as what is in use."""
        self._blocks.keys.mirror(KEY, str(self._blocks.security.profile))
