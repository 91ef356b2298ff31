"""Listing: GetLocalListVersion and SendLocalList, and what else follows from the list (OCPP 1.6 sections 3.5, 5.10, 5.15).

Owns the answers and when they go, and the LocalListConflict. Refuses to judge an update (`local_list`) or to store it.
"""

from chargepoint.core.blocks import Blocks
from chargepoint.core.effects import SendFrame
from chargepoint.core.events import ListStored, LookedUp
from chargepoint.core.faults import Fault
from chargepoint.core.step import Step
from chargepoint.messages import (
    GetLocalListVersionConf,
    GetLocalListVersionReq,
    SendLocalListConf,
    SendLocalListReq,
    UpdateStatus,
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
        if status is UpdateStatus.Accepted:
            self._blocks.station_faults.discard(Fault.LOCAL_LIST_CONFLICT)
        if message_id is not None:
            step.then(SendFrame(encode_result(message_id, SendLocalListConf(status=status))))

    def looked_up(self, event: LookedUp, step: Step) -> bool:
        """The list's entry for an id of which the Central System spoke; False where the look-up was for something else."""
        blocks = self._blocks
        said = blocks.local_list.said(event.ticket)
        if said is None:
            return False
        if event.listed is None:
            blocks.authorization.learn(said.id_tag, said.info, step)
        elif blocks.local_list.contradicts(event.listed, said.info, blocks.clock.now_s(step)):
            text = f"The local list has {event.listed.status} for an id tag, the Central System says {said.info.status}."
            step.log("warning", text)
            blocks.station_faults.add(Fault.LOCAL_LIST_CONFLICT)
        return True
