"""Reservations on real parts: what the driver sees, who may charge, and what a kill leaves."""

from datetime import UTC, datetime, timedelta

import pytest

from hil.csms import Settings
from tests.e2e.conftest import Rigs
from tests.e2e.rig import Rig

pytestmark = pytest.mark.section("5.13")

HOLDER, STRANGER, COLLEAGUE = "04AAAAAAAAAAAA", "04BBBBBBBBBBBB", "04CCCCCCCCCCCC"
GROUP = "ACCOUNT 17"


async def reserve(rig: Rig, connector: int, id_tag: str = HOLDER, *, number: int = 7, for_s: float = 600.0, **more: str) -> str:
    expiry = (datetime.now(UTC) + timedelta(seconds=for_s)).isoformat()
    answer = await rig.call("ReserveNow", connectorId=connector, expiryDate=expiry, idTag=id_tag, reservationId=number, **more)
    return str(answer["status"])


async def shows(rig: Rig, pattern: str, connector: int = 1) -> None:
    await rig.until(lambda state: bool(state["indicator"] == pattern), connector)


async def test_a_reserved_connector_is_kept_for_its_holder_over_a_kill(rigs: Rigs) -> None:
    rig = await rigs(connectors=2)
    await rig.boot(connectors=2)
    await rig.charging(1, STRANGER)
    assert await reserve(rig, 1) == "Occupied"
    assert await reserve(rig, 2) == "Accepted"
    await rig.status(2, "Reserved")
    await shows(rig, "reserved", 2)

    await rig.kill()
    await rig.boot()
    await rig.status(2, "Reserved")
    await rig.expect("StopTransaction", reason="PowerLoss")
    await rig.bench.do("unplug", connector=1)
    await rig.status(1, "Available")

    await rig.bench.do("plug", connector=1)
    await rig.status(1, "Preparing")
    await rig.bench.do("tap", id_tag=HOLDER)
    await rig.status(2, "Preparing")
    assert not rig.sent("StartTransaction")[1:], "the plugged connector is not the one that he was promised"
    await rig.bench.do("plug", connector=2)
    start = await rig.expect("StartTransaction", connectorId=2)
    assert (start["idTag"], start["reservationId"]) == (HOLDER, 7)
    await rig.contactor("closed", 2)
    assert await rig.call("CancelReservation", reservationId=7) == {"status": "Rejected"}
    rig.clean()


async def test_strangers_are_turned_away_and_the_group_is_let_in(rigs: Rigs) -> None:
    settings = Settings()
    settings.set_id(COLLEAGUE, parent_id_tag=GROUP)
    rig = await rigs(settings=settings)
    await rig.boot()
    assert await reserve(rig, 1) == "Accepted"
    await rig.status(1, "Reserved")
    await rig.bench.do("tap", id_tag=STRANGER)
    await shows(rig, "refused")
    assert not rig.sent("Authorize"), "nothing that the Central System could say would help him"
    assert await rig.call("RemoteStartTransaction", idTag=STRANGER, connectorId=1) == {"status": "Rejected"}
    assert await reserve(rig, 1, parentIdTag=GROUP) == "Accepted"
    await rig.bench.do("plug", connector=1)
    await rig.bench.do("tap", id_tag=COLLEAGUE)
    start = await rig.expect("StartTransaction")
    assert (start["idTag"], start["reservationId"]) == (COLLEAGUE, 7)
    await rig.contactor("closed")
    rig.clean()


async def test_connector_0_keeps_one_and_expiry_and_cancelling_free_it(rigs: Rigs) -> None:
    rig = await rigs(connectors=2)
    await rig.boot(connectors=2)
    assert await reserve(rig, 0, for_s=3) == "Accepted"
    await rig.charging(1, STRANGER)
    await rig.status(2, "Reserved")
    await rig.bench.do("tap", id_tag=COLLEAGUE)
    await shows(rig, "refused", 2)
    await rig.status(2, "Available")  # it has expired
    assert await rig.call("CancelReservation", reservationId=7) == {"status": "Rejected"}

    assert await reserve(rig, 2) == "Accepted"
    await rig.status(2, "Reserved")
    await rig.bench.do("fault", connector=2, kind="ground_fault", active=True)
    await rig.status(2, "Faulted")
    await rig.bench.do("fault", connector=2, kind="ground_fault", active=False)
    await rig.status(2, "Available")
    assert await reserve(rig, 2) == "Accepted"
    await rig.status(2, "Reserved")
    assert await rig.call("CancelReservation", reservationId=7) == {"status": "Accepted"}
    await rig.status(2, "Available")
    rig.clean()


@pytest.mark.section("9.3")
async def test_an_operator_may_switch_connector_0_or_the_whole_profile_off(rigs: Rigs) -> None:
    rig = await rigs(keys={"ReserveConnectorZeroSupported": False})
    await rig.boot()
    assert await reserve(rig, 0) == "Rejected"
    assert await reserve(rig, 1) == "Accepted"
    await rig.status(1, "Reserved")
    assert rig.process is not None
    await rig.process.terminate()
    text = rig.config.read_text()
    assert "[configuration]\n" in text
    rig.config.write_text(text.replace("[configuration]\n", '[configuration]\nSupportedFeatureProfiles = "Core"\n'))
    await rig.boot()
    assert await reserve(rig, 1) == "Rejected"
    with pytest.raises(Exception, match="NotSupported"):
        await rig.call("CancelReservation", reservationId=7)
    assert rig.statuses(1)[-1] == "Available", "nobody could cancel it any more"
