"""The certification tool in a story: the states that its cases begin from, and how strictly it looks at what comes.

The tool takes the CALLs of a station one by one: `expect` wants the very next one, `expect_both` the next ones in any order.
Only what a station may send at any time is passed over.
"""

from typing import Any

from tests.core.central_system import Payload
from tests.core.harness import World

VALID = "TOOL-VALID-1"
ALSO_VALID = "TOOL-VALID-2"
INVALID = "TOOL-INVALID"

AT_ANY_TIME = frozenset({"Heartbeat", "MeterValues", "SecurityEventNotification"})

Expected = tuple[str, Payload]


def expect(world: World, action: str, **fields: Any) -> Payload:
    """The next CALL is of this action, with these fields."""
    return expect_both(world, (action, fields))[0]


def expect_status(world: World, status: str, connector: int = 1, **fields: Any) -> Payload:
    """The next CALL tells this status of the connector."""
    return expect(world, "StatusNotification", connectorId=connector, status=status, **fields)


def status(status: str, connector: int = 1) -> Expected:
    """For `expect_both`."""
    return "StatusNotification", {"connectorId": connector, "status": status}


def expect_both(world: World, *expected: Expected) -> list[Payload]:
    """The next CALLs are these, in any order; returned as they were expected."""
    came = [sent for sent in world.unseen() if sent.action not in AT_ANY_TIME][: len(expected)]
    found = []
    for action, fields in expected:
        at = next((one for one in came if one.action == action and fields.items() <= one.payload.items()), None)
        assert at is not None, f"not next: {action} {fields}; sent were:\n{world.story()}"
        came.remove(at)
        found.append(at)
    world.saw(*found)
    return [one.payload for one in found]


def expect_nothing(world: World) -> None:
    """No CALL has come."""
    came = [sent for sent in world.unseen() if sent.action not in AT_ANY_TIME]
    assert not came, f"sent were:\n{world.story()}"


def authorized(world: World, id_tag: str = VALID, connector: int = 1) -> None:
    """State Authorized: a driver has shown a card, and no cable is plugged yet."""
    world.tap(id_tag, reader=reader_of(world, connector))
    expect(world, "Authorize", idTag=id_tag)
    expect_status(world, "Preparing", connector)


def charging(world: World, id_tag: str = VALID, connector: int = 1) -> int:
    """State Charging: Authorized, and the cable is plugged. Returns the transactionId."""
    authorized(world, id_tag, connector)
    return plugged(world, id_tag, connector)


def plugged(world: World, id_tag: str = VALID, connector: int = 1) -> int:
    """The cable is plugged where somebody was authorised: the transaction begins. Returns the transactionId."""
    world.plug(connector)
    start = ("StartTransaction", {"connectorId": connector, "idTag": id_tag})
    expect_both(world, start, status("Charging", connector))
    return world.csms.next_transaction_id - 1


def cached(world: World, id_tag: str = VALID, connector: int = 1) -> None:
    """Memory state IdTagCached: the id was authorised once, and nobody plugged."""
    authorized(world, id_tag, connector)
    world.tap(id_tag, reader=reader_of(world, connector))
    expect_status(world, "Available", connector)


def asked(world: World, key: str) -> str:
    """The value of a key, by GetConfiguration."""
    answer = world.call("GetConfiguration", key=[key])
    (found,) = answer["configurationKey"]
    assert found["key"] == key
    return str(found["value"])


def reader_of(world: World, connector: int) -> int:
    """The reader that serves the connector."""
    return next(number for number, served in world.site.readers.items() if connector in served)


def remote_start(world: World, id_tag: str = VALID, connector: int = 1) -> None:
    """RemoteStartTransaction, which must be accepted."""
    assert world.call("RemoteStartTransaction", connectorId=connector, idTag=id_tag) == {"status": "Accepted"}


def remotely_authorized(world: World, id_tag: str = VALID, connector: int = 1) -> None:
    """A remote start is accepted, asked about where that is set, and waits for its plug."""
    asks = asked(world, "AuthorizeRemoteTxRequests") == "true"
    remote_start(world, id_tag, connector)
    if asks:
        expect(world, "Authorize", idTag=id_tag)
    expect_status(world, "Preparing", connector)
