"""Securing: what the vault answers goes to whoever asked ("Improved security for OCPP 1.6-J").

Owns the way from VaultAnswered to the block or composer that waits for it.
"""

from chargepoint.core.blocks import Blocks
from chargepoint.core.events import VaultAnswered
from chargepoint.core.step import Step


class Securing:
    def __init__(self, blocks: Blocks) -> None:
        self._blocks = blocks

    def answered(self, event: VaultAnswered, step: Step) -> None:
        """An answer that nobody waits for any more (a restart lay between) changes nothing."""
        step.log("info", f"Certificates: an answer came that nobody waits for ({event.key[:50]!r}).")
