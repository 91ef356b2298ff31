"""Why nobody charges, as a lamp tells it: every Refusal, every Trouble, and the situations without a card."""

from collections.abc import Callable

import pytest

from chargepoint.core import effects as fx
from chargepoint.core.faults import RULES, Fault, trouble_of
from chargepoint.facts import Lights, Pattern, Refusal, Trouble
from chargepoint.messages import ChargePointStatus as Status
from tests.core import updating
from tests.core.central_system import id_tag_info
from tests.core.harness import World
from tests.core.reserving import reserved


def by_central_system(status: str) -> Callable[[], World]:
    def story() -> World:
        world = World()
        world.csms.once("Authorize", id_tag_info(status))
        world.plug()
        world.tap()
        return world

    return story


def unknown_offline() -> World:
    world = World()
    world.disconnect()
    world.plug()
    world.tap()
    return world


def kept_for_another() -> World:
    world = reserved()
    world.tap("SOMEBODY")
    return world


def out_of_service() -> World:
    world = World()
    world.call("ChangeAvailability", connectorId=1, type="Inoperative")
    world.tap()
    return world


def nothing_plugged_in_time() -> World:
    world = World(keys={"ConnectionTimeOut": 10})
    world.tap()
    world.advance(10.1)
    return world


def every_connector_taken() -> World:
    world = World()
    world.plug()
    world.tap("ANNA")
    world.advance(4.0)
    world.tap("BERT")
    return world


STORIES: dict[Refusal, Callable[[], World]] = {
    Refusal.UNKNOWN: by_central_system("Invalid"),
    Refusal.UNKNOWN_OFFLINE: unknown_offline,
    Refusal.BLOCKED: by_central_system("Blocked"),
    Refusal.EXPIRED: by_central_system("Expired"),
    Refusal.CONCURRENT: by_central_system("ConcurrentTx"),
    Refusal.RESERVED: kept_for_another,
    Refusal.OUT_OF_SERVICE: out_of_service,
    Refusal.NO_VEHICLE: nothing_plugged_in_time,
    Refusal.OCCUPIED: every_connector_taken,
}


@pytest.mark.section("4.1")
@pytest.mark.parametrize("refusal", Refusal)
def test_every_reason_is_shown_for_three_seconds(refusal: Refusal) -> None:
    world = STORIES[refusal]()
    assert (world.shown(), world.refusal()) == (Pattern.REFUSED, refusal)
    world.advance(3.0)
    assert (world.shown() is Pattern.REFUSED, world.refusal()) == (False, None)


@pytest.mark.section("9.1.24")
@pytest.mark.parametrize("stops", [True, False])
def test_a_session_whose_start_is_not_accepted_says_why(stops: bool) -> None:
    world = World(keys={"StopTransactionOnInvalidId": stops})
    world.csms.once("StartTransaction", {**id_tag_info("ConcurrentTx"), "transactionId": 1})
    world.plug()
    world.tap()
    assert (world.shown(), world.refusal()) == (Pattern.REFUSED, Refusal.CONCURRENT)
    world.advance(3.0)
    assert world.shown() is (Pattern.FINISHING if stops else Pattern.SUSPENDED_EVSE)


def test_who_waits_for_a_plug_hears_that_the_connector_is_gone() -> None:
    world = World()
    world.tap()
    world.advance(4.0)
    assert world.shown() is Pattern.PLUG_WANTED
    world.call("ChangeAvailability", connectorId=1, type="Inoperative")
    assert (world.shown(), world.refusal()) == (Pattern.REFUSED, Refusal.OUT_OF_SERVICE)


def test_a_card_that_may_be_used_at_any_of_several_plugs_shows_so_at_each() -> None:
    world = World(connectors=2)
    world.tap()
    world.advance(4.0)
    assert [world.shown(number) for number in (1, 2)] == [Pattern.PLUG_WANTED, Pattern.PLUG_WANTED]
    world.plug(2)
    world.advance(4.0)
    assert [world.shown(number) for number in (1, 2)] == [Pattern.AVAILABLE, Pattern.CHARGING]


def test_a_fault_says_what_is_wrong(world: World) -> None:
    world.input("over_temperature", 1)
    assert (world.shown(), world.trouble()) == (Pattern.FAULTED, Trouble.TOO_HOT)
    world.input("ground_fault", 1)
    assert world.trouble() is Trouble.GROUND_FAULT, "the worst of them"
    world.input("ground_fault", 1, active=False)
    world.input("over_temperature", 1, active=False)
    assert (world.shown(), world.trouble()) == (Pattern.AVAILABLE, None)


def test_a_fault_that_ended_a_session_stays_shown_until_the_car_leaves(world: World) -> None:
    world.plug()
    world.tap()
    world.advance(4.0)
    world.input("ground_fault", 1)
    world.input("ground_fault", 1, active=False)
    world.advance(60.0)
    assert world.status() is Status.Finishing
    assert (world.shown(), world.trouble()) == (Pattern.FAULTED, Trouble.GROUND_FAULT)
    world.unplug()
    assert (world.shown(), world.trouble()) == (Pattern.AVAILABLE, None)


def test_it_gives_way_to_a_card(world: World) -> None:
    world.plug()
    world.tap()
    world.input("over_current", 1)
    world.input("over_current", 1, active=False)
    world.advance(4.0)
    assert world.shown() is Pattern.FAULTED
    world.tap()
    world.advance(4.0)
    assert (world.shown(), world.trouble()) == (Pattern.CHARGING, None)


def test_a_fault_that_only_interrupted_leaves_nothing_behind(world: World) -> None:
    world.plug()
    world.tap()
    world.advance(4.0)
    world.lose("meter")
    assert world.trouble() is Trouble.METER
    world.recover("meter")
    world.advance(4.0)
    assert (world.shown(), world.trouble()) == (Pattern.CHARGING, None)


@pytest.mark.parametrize("fault", [fault for fault in Fault if RULES[fault].blocks])
def test_every_blocking_fault_has_a_number_of_flashes(fault: Fault) -> None:
    assert trouble_of({fault}) in Trouble
    assert trouble_of({fault, Fault.READER_LOST}) is trouble_of({fault})


def test_until_the_parts_have_told_how_they_are_the_station_starts() -> None:
    world = World(started=False)
    world.start(parts=False)
    assert world.shown() is Pattern.STARTING
    world.open_parts()
    assert world.shown() is Pattern.AVAILABLE


@pytest.mark.section("5.19")
def test_while_firmware_is_to_be_installed() -> None:
    world = updating.station()
    updating.order(world)
    updating.download(world)
    assert (world.status(), world.shown()) == (Status.Unavailable, Pattern.UPDATING)
    updating.install(world, None, "no room")
    assert world.shown() is Pattern.AVAILABLE


@pytest.mark.section("4.2")
@pytest.mark.parametrize("answer", ["Pending", "Rejected"])
def test_a_central_system_that_has_not_taken_the_station_yet(answer: str) -> None:
    world = World(online=False)
    world.csms.once("BootNotification", {"status": answer, "currentTime": "2026-01-05T12:00:00Z", "interval": 60})
    world.connect()
    assert world.shown() is Pattern.SETTING_UP
    world.advance(61.0)
    assert world.shown() is Pattern.AVAILABLE


@pytest.mark.section("4.1")
@pytest.mark.parametrize(
    ("keys", "pattern"),
    [
        ({"LocalAuthorizeOffline": False}, Pattern.UNAVAILABLE),
        ({"LocalAuthListEnabled": False, "AuthorizationCacheEnabled": False}, Pattern.UNAVAILABLE),
        ({"LocalAuthorizeOffline": False, "AllowOfflineTxForUnknownId": True}, Pattern.AVAILABLE),
        ({"AuthorizationCacheEnabled": False}, Pattern.AVAILABLE),
    ],
)
def test_where_nobody_may_charge_offline_the_lamp_says_so(keys: dict[str, object], pattern: Pattern) -> None:
    world = World(keys=keys)
    assert world.shown() is Pattern.AVAILABLE
    world.disconnect()
    assert (world.status(), world.shown()) == (Status.Available, pattern)
    world.connect()
    assert world.shown() is Pattern.AVAILABLE


def test_a_session_goes_on_in_its_own_light_where_nobody_may_begin() -> None:
    world = World(keys={"LocalAuthorizeOffline": False})
    world.plug()
    world.tap()
    world.advance(4.0)
    world.disconnect()
    assert world.shown() is Pattern.CHARGING


def test_free_vend_wants_no_card() -> None:
    world = World(free_vend=True, started=False)
    for plant in world.plants.values():
        plant.meter_deaf = True
    world.start()
    world.plug()
    assert world.shown() is Pattern.SUSPENDED_EV


@pytest.mark.section("9.1.4", "9.1.11")
def test_intensity_and_blinks_follow_their_keys_at_once(world: World) -> None:
    assert world.lights == Lights(intensity_percent=100, blink_repeat=2, offline=False)
    world.configure("LightIntensity", 30)
    assert world.lights == Lights(intensity_percent=30, blink_repeat=2)
    world.configure("BlinkRepeat", 5)
    assert world.lights == Lights(intensity_percent=30, blink_repeat=5)
    told = [effect for effect in world.effects if isinstance(effect, fx.AdjustLights)]
    world.configure("BlinkRepeat", 5)
    world.plug()
    assert [effect for effect in world.effects if isinstance(effect, fx.AdjustLights)] == told, "told when they change"


@pytest.mark.section("9.1.4", "9.1.11")
def test_intensity_and_blinks_survive_a_power_cut(world: World) -> None:
    world.configure("LightIntensity", 0)
    world.cut_power()
    world.lights = None
    world.start()
    assert world.lights == Lights(intensity_percent=0, blink_repeat=2, offline=True)


@pytest.mark.section("9.1.11")
@pytest.mark.parametrize("value", ["101", "-1", "half", ""])
def test_an_intensity_that_cannot_be_is_rejected(world: World, value: str) -> None:
    assert world.call("ChangeConfiguration", key="LightIntensity", value=value) == {"status": "Rejected"}
    assert world.lights is not None
    assert world.lights.intensity_percent == 100


def test_an_installer_is_told_that_the_central_system_is_away(world: World) -> None:
    world.disconnect()
    assert world.lights == Lights(offline=True)
    world.connect()
    assert world.lights == Lights(offline=False)


def test_the_same_answer_again_is_told_again() -> None:
    world = out_of_service()
    world.advance(2.0)
    told = [effect for effect in world.effects if isinstance(effect, fx.Show)]
    world.tap()
    assert [effect for effect in world.effects if isinstance(effect, fx.Show)] == [*told, told[-1]]
    world.advance(2.9)
    assert world.shown() is Pattern.REFUSED
    world.advance(0.2)
    assert world.shown() is Pattern.UNAVAILABLE
