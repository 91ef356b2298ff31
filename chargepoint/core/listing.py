"""Listing: GetLocalListVersion and SendLocalList (OCPP 1.6 sections 5.10, 5.15).

Owns the answers and when they go. Refuses to judge an update (`local_list`) or to store it.
"""

from chargepoint.core.blocks import Blocks
from chargepoint.core.effects import SendFrame
from chargepoint.core.events import ListStored
from chargepoint.core.step import Step
from chargepoint.messages import (
    GetLocalListVersionConf,
    GetLocalListVersionReq,
    SendLocalListConf,
    SendLocalListReq,
    encode_result,
)


class Listing:
    def __init__(self, blocks: Blocks) -> None:
        self._blocks = blocks

    def version(self, _: GetLocalListVersionReq, __: str, ___: Step) -> GetLocalListVersionConf:
        return GetLocalListVersionConf(list_version=self._blocks.local_list.version)

    def send(self, req: SendLocalListReq, message_id: str, step: Step) -> SendLocalListConf | None:
        """None where the answer follows when the store has the list."""
        status = self._blocks.local_list.send(req, message_id, step)
        return None if status is None else SendLocalListConf(status=status)

    def stored(self, event: ListStored, step: Step) -> None:
        message_id, status = self._blocks.local_list.stored(event.version, event.length, event.failure, step)
        if message_id is not None:
            step.then(SendFrame(encode_result(message_id, SendLocalListConf(status=status))))
