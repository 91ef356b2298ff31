"""Supervision: whether a contactor does what its coil was told, and the faults that stay until an installer clears them
(IEC 61851-1 section 6.3.1 and annex A; OCPP 1.6 section 7.6).

Owns the finding of these faults, and their end. Refuses to command anything: outputs follow from the faults in `power`.

Rules.
1. Contacts that do not close within `closing_s` of their command, or fall open by themselves for as long, are stuck open.
   Contacts that are still closed `opening_s` after theirs are welded.
2. A fault that latches is stored in the step that finds it. It goes by `clear` only, and not while its cause can be seen.
"""

from chargepoint.core.blocks import Blocks
from chargepoint.core.connector import Connector
from chargepoint.core.faults import RULES, Fault
from chargepoint.core.step import Step


class Supervision:
    def __init__(self, blocks: Blocks) -> None:
        self._blocks = blocks

    def watch(self, connector: Connector, step: Step) -> None:
        """Finds what is wrong now; before it is decided whether the contactor may be closed."""
        fault = _not_following(connector)
        if fault is not None and step.mono_s >= _due_s(connector):
            self.latch(connector, fault, step)

    def latch(self, connector: Connector, fault: Fault, step: Step) -> None:
        """The fault is there, and stays."""
        assert RULES[fault].latches
        if fault in connector.faults:
            return
        connector.faults.add(fault)
        self._blocks.store(connector, step)
        text = f"{RULES[fault].text}. An installer must clear this: chargepoint clear-faults {connector.number}"
        step.log("error", text, connector=connector.number)

    def clear(self, connector: Connector, by: str, step: Step) -> str | None:
        """An installer has mended what was wrong. Returns why the faults stay, in words; None where they are gone."""
        latched = connector.latched
        if not latched:
            return f"connector {connector.number} has no fault that an installer must clear"
        standing = _standing(connector)
        if standing is not None:
            return f"connector {connector.number}: {standing}"
        connector.faults -= set(latched)
        self._blocks.store(connector, step)
        step.log("warning", f"Faults cleared by {by}: {', '.join(latched)}.", connector=connector.number)
        return None

    def deadline(self) -> float | None:
        """When contacts that do not follow have had their time."""
        late = [one for one in self._blocks.connectors.values() if _not_following(one) not in (None, *one.faults)]
        return min((_due_s(one) for one in late), default=None)


def out_of_step(connector: Connector) -> bool:
    """The contacts are not as they were commanded."""
    return connector.closed is not None and connector.closed != connector.commanded


def _not_following(connector: Connector) -> Fault | None:
    """What it will be, if it stays so."""
    if not out_of_step(connector):
        return None
    return Fault.CONTACTOR_WELDED if connector.closed else Fault.CONTACTOR_STUCK_OPEN


def _due_s(connector: Connector) -> float:
    return connector.commanded_s + (connector.site.opening_s if connector.closed else connector.site.closing_s)


def _standing(connector: Connector) -> str | None:
    """The cause that can be seen still."""
    if "contactor" in connector.lost:
        return f"its contactor does not answer ({connector.lost['contactor']}); mend that first"
    if connector.closed and not connector.commanded:
        return "its contacts are still closed although the coil is off; replace the contactor first"
    return None
