"""Remote starts and stops, unlocking and configuration, as the certification tool plays them."""

import pytest

from tests.certification import tool
from tests.core.central_system import Refuse
from tests.core.harness import World

UNKNOWN = 487_249_487

REQUIRED = {
    "AuthorizeRemoteTxRequests": None,
    "ClockAlignedDataInterval": False,
    "ConnectionTimeOut": False,
    "ConnectorPhaseRotation": False,
    "GetConfigurationMaxKeys": True,
    "HeartbeatInterval": False,
    "LocalAuthorizeOffline": False,
    "LocalPreAuthorize": False,
    "MeterValuesAlignedData": False,
    "MeterValuesSampledData": False,
    "MeterValueSampleInterval": False,
    "NumberOfConnectors": True,
    "ResetRetries": False,
    "StopTransactionOnEVSideDisconnect": False,
    "StopTransactionOnInvalidId": False,
    "StopTxnAlignedData": False,
    "StopTxnSampledData": False,
    "SupportedFeatureProfiles": True,
    "TransactionMessageAttempts": False,
    "TransactionMessageRetryInterval": False,
    "UnlockConnectorOnEVSideDisconnect": False,
    "LocalAuthListEnabled": False,
    "LocalAuthListMaxLength": True,
    "SendLocalListMaxLength": True,
    "ChargeProfileMaxStackLevel": True,
    "ChargingScheduleAllowedChargingRateUnit": True,
    "ChargingScheduleMaxPeriods": True,
    "MaxChargingProfilesInstalled": True,
}
"""What must be there of the offered profiles, and whether it is only to be read; None: either way."""

PROFILES = {"Core", "FirmwareManagement", "LocalAuthListManagement", "Reservation", "SmartCharging", "RemoteTrigger"}


def station(*, asks: bool = False, **more: object) -> World:
    world = World(keys={"AuthorizeRemoteTxRequests": asks, "ConnectionTimeOut": 30}, **more)  # type: ignore[arg-type]
    world.forget()
    return world


@pytest.mark.section("tool TC_010")
@pytest.mark.parametrize("asks", [True, False])
def test_a_remote_start_with_the_cable_there(asks: bool) -> None:
    world = station(asks=asks)
    assert tool.asked(world, "AuthorizeRemoteTxRequests") == str(asks).lower()
    world.plug()
    tool.expect_status(world, "Preparing")
    tool.remote_start(world)
    if asks:
        tool.expect(world, "Authorize", idTag=tool.VALID)
    start = ("StartTransaction", {"connectorId": 1, "idTag": tool.VALID})
    tool.expect_both(world, start, tool.status("Charging"))
    tool.expect_nothing(world)


@pytest.mark.section("tool TC_011_1")
@pytest.mark.parametrize("asks", [True, False])
@pytest.mark.parametrize("tethered", [True, False])
def test_a_remote_start_before_the_cable(asks: bool, tethered: bool) -> None:
    world = station(asks=asks, tethered=tethered)
    tool.remotely_authorized(world)
    world.plug()
    tool.expect(world, "StartTransaction", connectorId=1, idTag=tool.VALID)
    tool.expect_status(world, "Charging")
    tool.expect_nothing(world)


@pytest.mark.section("tool TC_011_2")
@pytest.mark.parametrize("asks", [True, False])
def test_a_remote_start_and_no_cable(asks: bool) -> None:
    world = station(asks=asks)
    tool.remotely_authorized(world)
    world.advance(29.0)
    tool.expect_nothing(world)
    world.advance(1.5)
    tool.expect_status(world, "Available")
    tool.expect_nothing(world)


@pytest.mark.section("tool TC_012")
def test_a_remote_stop() -> None:
    world = station()
    transaction = tool.charging(world)
    assert world.call("RemoteStopTransaction", transactionId=transaction) == {"status": "Accepted"}
    stop = ("StopTransaction", {"transactionId": transaction, "reason": "Remote"})
    tool.expect_both(world, stop, tool.status("Finishing"))
    tool.expect_nothing(world)


@pytest.mark.section("tool TC_017_1")
def test_a_connector_at_rest_is_unlocked() -> None:
    world = station()
    assert world.call("UnlockConnector", connectorId=1) == {"status": "Unlocked"}
    tool.expect_nothing(world)


@pytest.mark.section("tool TC_017_2")
def test_a_fixed_cable_cannot_be_unlocked() -> None:
    assert station(tethered=True).call("UnlockConnector", connectorId=1) == {"status": "NotSupported"}


@pytest.mark.section("tool TC_018_1")
@pytest.mark.parametrize("lag_s", [0.0, 0.3])
def test_a_connector_in_use_is_unlocked_and_its_transaction_ends(lag_s: float) -> None:
    world = station(lag_s=lag_s)
    world.plug()
    world.tap(tool.VALID)
    world.advance(3.0)
    assert world.contactor()
    world.forget()
    asked = world.ask("UnlockConnector", {"connectorId": 1})
    while asked not in world.answers:
        tool.expect_nothing(world)
        world.advance(0.05)
    assert world.answers[asked] == {"status": "Unlocked"}
    assert not world.locked()
    world.advance(1.0)
    tool.expect(world, "StopTransaction", transactionId=world.csms.next_transaction_id - 1, reason="UnlockCommand")
    tool.expect_status(world, "Finishing")
    world.unplug()
    world.advance(1.0)
    tool.expect_status(world, "Available")
    tool.expect_nothing(world)


@pytest.mark.section("tool TC_018_2")
def test_a_fixed_cable_in_use_goes_on_charging() -> None:
    world = station(tethered=True)
    tool.charging(world)
    assert world.call("UnlockConnector", connectorId=1) == {"status": "NotSupported"}
    world.advance(10.0)
    tool.expect_nothing(world)
    assert world.contactor()


@pytest.mark.section("tool TC_019")
def test_the_configuration_is_read() -> None:
    world = World()
    assert set(tool.asked(world, "SupportedFeatureProfiles").split(",")) == PROFILES
    everything = world.call("GetConfiguration")
    assert not everything.get("unknownKey")
    found = {one["key"]: one["readonly"] for one in everything["configurationKey"]}
    wrong = {key: found.get(key) for key, readonly in REQUIRED.items() if found.get(key) not in ([readonly], readonly, None)}
    assert REQUIRED.keys() <= found.keys()
    assert {key for key in wrong if REQUIRED[key] is not None} == set()
    assert "AuthorizationKey" not in found, "it is never told"
    some = world.call("GetConfiguration", key=["HeartbeatInterval", "NoSuchKey"])
    assert [one["key"] for one in some["configurationKey"]] == ["HeartbeatInterval"]
    assert some["unknownKey"] == ["NoSuchKey"]


@pytest.mark.section("tool TC_021")
def test_the_configuration_is_changed() -> None:
    world = World()
    assert tool.asked(world, "MeterValueSampleInterval") != "30"
    assert world.call("ChangeConfiguration", key="MeterValueSampleInterval", value="30") == {"status": "Accepted"}
    assert tool.asked(world, "MeterValueSampleInterval") == "30"


@pytest.mark.section("tool TC_026")
def test_a_remote_start_at_a_connector_in_use() -> None:
    world = station()
    tool.charging(world)
    asked = {"connectorId": 1, "idTag": tool.ALSO_VALID}
    assert world.call("RemoteStartTransaction", asked) == {"status": "Rejected"}
    tool.expect_nothing(world)
    assert world.contactor()


@pytest.mark.section("tool TC_027")
def test_a_remote_start_at_connector_0() -> None:
    world = station()
    asked = world.ask("RemoteStartTransaction", {"connectorId": 0, "idTag": tool.VALID})
    assert world.answers[asked] == {"status": "Rejected"} or isinstance(world.answers[asked], Refuse)
    world.plug()
    tool.expect_status(world, "Preparing")
    tool.expect_nothing(world)


@pytest.mark.section("tool TC_028")
def test_a_remote_stop_of_a_transaction_that_there_is_not() -> None:
    world = station()
    tool.charging(world)
    assert world.call("RemoteStopTransaction", transactionId=UNKNOWN) == {"status": "Rejected"}
    tool.expect_nothing(world)
    assert world.contactor()


@pytest.mark.section("tool TC_030")
@pytest.mark.parametrize("silent", [True, False])
def test_a_lock_that_does_not_open(silent: bool) -> None:
    world = station()
    tool.charging(world)
    world.plants[1].jammed = True
    world.plants[1].lock_silent = silent
    asked = world.ask("UnlockConnector", {"connectorId": 1})
    world.advance(10.0)
    assert world.answers[asked] == {"status": "UnlockFailed"}


@pytest.mark.section("tool TC_031")
def test_a_connector_that_there_is_not() -> None:
    world = station()
    assert world.call("UnlockConnector", connectorId=7) == {"status": "NotSupported"}
    tool.expect_nothing(world)
