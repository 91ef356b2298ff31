"""Which status may follow which (OCPP 1.6 section 4.9), as data: the oracle of the stories and the source of the diagram.

A transition is called by the letter of the status that is left and the number of the one that follows, as in the
specification's table. Applies to connectors from 1 on; connector 0 knows three statuses only.
"""

from msgspec import Struct

from chargepoint.messages import ChargePointStatus as Status

ORDER = (
    Status.Available,
    Status.Preparing,
    Status.Charging,
    Status.SuspendedEV,
    Status.SuspendedEVSE,
    Status.Finishing,
    Status.Reserved,
    Status.Unavailable,
    Status.Faulted,
)
LETTERS = {status: "ABCDEFGHI"[at] for at, status in enumerate(ORDER)}
NUMBERS = {status: str(at + 1) for at, status in enumerate(ORDER)}
STATION = frozenset({Status.Available, Status.Unavailable, Status.Faulted})


class Transition(Struct, frozen=True):
    """why: what leads to it. taken: this station makes it; else `why` says why not."""

    why: str
    taken: bool = True


TABLE: dict[str, Transition] = {
    "A2": Transition("a plug, a card, a remote start"),
    "A3": Transition("plugged by somebody who is authorised already, and the car draws; told by way of Preparing", taken=False),
    "A4": Transition("as A3, but the car does not draw", taken=False),
    "A5": Transition("as A3, but the station gives nothing", taken=False),
    "A7": Transition("ReserveNow"),
    "A8": Transition("ChangeAvailability: Inoperative"),
    "A9": Transition("a fault"),
    "B1": Transition("the car leaves, the card comes again, or ConnectionTimeOut"),
    "B3": Transition("everything is there, and the car draws"),
    "B4": Transition("everything is there, but the car does not draw"),
    "B5": Transition("everything is there, but the station gives nothing"),
    # Not by a time-out: a plugged car waits for its card without limit here, as at home it must.
    "B6": Transition("the session ends before the car drew"),
    "B9": Transition("a fault"),
    "C1": Transition("the session ends and nothing is left to do; told by way of Finishing", taken=False),
    "C4": Transition("the car stops drawing"),
    "C5": Transition("the station stops giving: a limit, a refused id tag"),
    "C6": Transition("the session ends, the cable is still there"),
    "C8": Transition("as C1 with ChangeAvailability waiting; told by way of Finishing", taken=False),
    "C9": Transition("a fault"),
    "D1": Transition("as C1", taken=False),
    "D3": Transition("the car draws again"),
    "D5": Transition("the station gives no more"),
    "D6": Transition("the session ends, the cable is still there"),
    "D8": Transition("as C8", taken=False),
    "D9": Transition("a fault"),
    "E1": Transition("as C1", taken=False),
    "E3": Transition("the station gives again, and the car draws"),
    "E4": Transition("the station would give again, but the car does not draw"),
    "E6": Transition("the session ends, the cable is still there"),
    "E8": Transition("as C8", taken=False),
    "E9": Transition("a fault"),
    "F1": Transition("the cable has left"),
    "F2": Transition("the same cable is used again: a card, a remote start"),
    "F8": Transition("ChangeAvailability: Inoperative takes effect"),
    "F9": Transition("a fault"),
    "G1": Transition("the reservation ends unused"),
    "G2": Transition("the holder of the reservation is here"),
    "G8": Transition("ChangeAvailability: Inoperative"),
    "G9": Transition("a fault"),
    "H1": Transition("ChangeAvailability: Operative"),
    "H2": Transition("Operative again, and a car is plugged"),
    "H3": Transition("nothing charges before its plug was seen once; told by way of Preparing", taken=False),
    "H4": Transition("as H3", taken=False),
    "H5": Transition("as H3", taken=False),
    "H9": Transition("a fault"),
    "I1": Transition("the fault is gone, and so is the car"),
    "I2": Transition("the fault is gone, a car waits for its card"),
    "I3": Transition("the fault is gone, the session goes on"),
    "I4": Transition("the fault is gone, the session goes on without the car drawing"),
    "I5": Transition("the fault is gone, the session goes on without the station giving"),
    "I6": Transition("the fault ended the session, the cable is still there"),
    "I7": Transition("the fault is gone, and a reservation came meanwhile"),
    "I8": Transition("the fault is gone, the connector is Unavailable"),
}

DEVIATIONS: dict[str, str] = {
    "B7": "The holder's card waited in vain; section 9.1.6 has ConnectionTimeOut lead back to the status before: Reserved.",
    "B8": "Section 5.2 has Inoperative take effect at once where no transaction runs, so also for a plugged car.",
    "F7": "Connector 0 is reserved, and this is the last connector that the holder could use.",
    "H6": "Operative again while the cable of the ended session is still there: it is as it was before F8.",
    "H7": "As F7.",
}
"""Transitions that the table does not have and this station makes, with the reason."""


def code(before: Status, after: Status) -> str:
    """What the specification calls this transition."""
    return LETTERS[before] + NUMBERS[after]


def ends(name: str) -> tuple[Status, Status]:
    """The statuses that a transition leads from and to."""
    return ORDER["ABCDEFGHI".index(name[0])], ORDER[int(name[1]) - 1]


def allowed(before: Status, after: Status) -> bool:
    """Whether this station may say one after the other: what the table has, and no more of it than is told to be taken."""
    name = code(before, after)
    return before is after or name in DEVIATIONS or (name in TABLE and TABLE[name].taken)
