"""Stories of security events: what is seen, what is told and in which order, what is kept, and what a flood can do."""

import itertools
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from chargepoint.core import events as ev
from chargepoint.core.security_events import RULES, SecurityEvent
from chargepoint.core.security_log import OWED_MAX, RETRY_MIN_S, WINDOW_S
from chargepoint.facts import Input, InputKind
from chargepoint.messages import parse_frame
from tests.core.billing import charging
from tests.core.central_system import Cut, Refuse, Silence
from tests.core.harness import BEGIN_WALL_S, World
from tests.core.securing import KEY, forget, infos, kept, station, told
from tests.core.updating import download, install, order, runs

pytestmark = [pytest.mark.section("security A04"), pytest.mark.section("security 8")]

BURST = RULES[SecurityEvent.InvalidMessages].burst
CRITICAL = {
    "FirmwareUpdated", "SettingSystemTime", "StartupOfTheDevice", "ResetOrReboot", "SecurityLogWasCleared", "MemoryExhaustion",
    "TamperDetectionActivated",
}  # fmt: skip


def seen(world: World) -> list[str]:
    """What was added to the log since the last look."""
    found = kept(world)
    world.store.security_log = {seq: line for seq, line in world.store.security_log.items() if line.owed}
    return found


def door(world: World, active: bool, connector: int = 0) -> None:
    world.deliver(ev.InputSeen(Input(kind=InputKind.DOOR_OPEN, active=active, connector=connector)))


def quiet(**more: Any) -> World:
    world = station(**more)
    forget(world)
    return world


class TestTheList:
    def test_it_is_the_white_papers(self) -> None:
        assert len(SecurityEvent) == len(RULES) == 18
        assert {event.value for event, rule in RULES.items() if rule.critical} == CRITICAL

    def test_the_page_has_it_as_it_is(self) -> None:
        page = (Path(__file__).parents[2] / "docs" / "security.md").read_text(encoding="utf-8")
        for event, rule in RULES.items():
            words = ["yes" if rule.critical else "no", "yes" if rule.told else "no"]
            assert f"| {event} | {' | '.join(words)} | {rule.seen_by} |" in page

    def test_every_critical_one_is_told(self) -> None:
        assert all(rule.told for rule in RULES.values() if rule.critical)


class TestWhatIsSeen:
    def test_a_start_of_the_station(self) -> None:
        world = station(firmware_version="1.2")
        assert told(world) == ["StartupOfTheDevice"]
        assert infos(world, "StartupOfTheDevice") == ["firmware 1.2, start 1"]

    def test_a_database_that_went_with_its_log(self) -> None:
        world = World(started=False)
        world.start()
        world.deliver(ev.Started(log_lost=True))
        assert "SecurityLogWasCleared" in kept(world)

    @pytest.mark.parametrize("kind", ["Soft", "Hard"])
    def test_a_reset(self, kind: str) -> None:
        world = quiet()
        world.call("Reset", type=kind)
        assert infos(world, "ResetOrReboot") == [f"{kind.lower()} reset by the Central System"]

    def test_an_open_door_once_as_long_as_it_is_open(self) -> None:
        world = quiet(connectors=2)
        door(world, True)
        door(world, True)
        door(world, True, 2)
        assert infos(world, "TamperDetectionActivated") == ["the station's door is open", "the door of connector 2 is open"]
        door(world, False)
        door(world, True)
        assert told(world) == ["TamperDetectionActivated"] * 3

    def test_a_disk_that_is_nearly_full(self) -> None:
        world = quiet()
        world.deliver(ev.StoreTroubled("400 bytes free"))
        world.deliver(ev.StoreTroubled("300 bytes free"))
        assert told(world) == ["MemoryExhaustion"]

    @pytest.mark.parametrize(("by_s", "seen_at_all"), [(-3600.0, True), (10.5, True), (9.0, False)])
    def test_a_time_that_moved(self, by_s: float, seen_at_all: bool) -> None:
        world = quiet()
        world.csms.always("Heartbeat", {"currentTime": datetime.fromtimestamp(world.wall_s + by_s).astimezone().isoformat()})
        world.call("TriggerMessage", requestedMessage="Heartbeat")
        assert ("SettingSystemTime" in kept(world)) is seen_at_all

    def test_a_time_that_is_known_for_the_first_time_is_no_change(self) -> None:
        world = station(wall=False)
        assert "SettingSystemTime" not in kept(world)

    @pytest.mark.parametrize(
        ("trouble", "events"),
        [
            ("server_certificate", ["CentralSystemFailedToAuthenticate", "InvalidCentralSystemCertificate"]),
            ("own_certificate", ["FailedToAuthenticateAtCentralSystem"]),
            ("password", ["FailedToAuthenticateAtCentralSystem"]),
            ("tls_version", ["InvalidTLSVersion"]),
            ("cipher_suite", ["InvalidTLSCipherSuite"]),
            (None, []),
        ],
    )
    @pytest.mark.section("security A00")
    def test_a_connection_that_fails_for_a_reason_of_security(self, trouble: Any, events: list[str]) -> None:
        world = quiet(online=False)
        owed = kept(world)
        world.deliver(ev.LinkDown("TLS: it does not trust anybody", 2, trouble))
        assert kept(world) == owed + events
        world.connect()
        assert told(world) == owed + [event for event in events if RULES[SecurityEvent(event)].told]

    @pytest.mark.section("tool TC_078")
    def test_attempts_that_fail_for_one_reason_are_one_event_until_there_is_a_connection(self) -> None:
        world = quiet(reconnect_s=None)
        for reason in ("it has expired", "it is for another name", "it has expired"):
            world.disconnect()
            for _ in range(20):
                world.deliver(ev.LinkDown(reason, 2, "server_certificate"))
                world.deliver(ev.LinkDown("TCP: refused", 2))
            world.connect()
        assert infos(world, "InvalidCentralSystemCertificate") == ["it has expired", "it is for another name", "it has expired"]
        assert told(world) == ["InvalidCentralSystemCertificate"] * 3

    @pytest.mark.section("security A01")
    def test_a_change_of_the_password_without_the_password(self) -> None:
        world = quiet()
        world.configure("AuthorizationKey", KEY)
        assert infos(world, "ReconfigurationOfSecurityParameters") == ["AuthorizationKey was changed"]
        assert told(world) == []

    def test_a_change_of_the_profile_and_of_the_operators_name(self) -> None:
        world = quiet(profile=1)
        world.configure("CpoName", "Operator")
        world.configure("SecurityProfile", 2)
        assert infos(world, "ReconfigurationOfSecurityParameters") == ["CpoName is 'Operator'", "SecurityProfile is '2'"]

    def test_firmware_that_runs(self) -> None:
        world = quiet(profile=1, can_install=True, firmware_version="1", file_transfer_protocols=("FTP",))
        order(world)
        download(world)
        install(world, "2")
        assert world.exited == "firmware"
        assert seen(world)[-1] == "ResetOrReboot"
        runs(world, "2")
        world.restart()
        assert infos(world, "FirmwareUpdated") == ["firmware 2 runs"]

    @pytest.mark.parametrize(
        "frame",
        ["no JSON", '[2,"1"]', '[2,"1","Reset",{"type":"Warm"}]', '[2,"1","SendLocalList",{"listVersion":"x"}]', b"\xff"],
    )
    def test_what_is_no_ocpp(self, frame: str | bytes) -> None:
        world = quiet()
        world.receive(frame)
        assert kept(world) == ["InvalidMessages"]
        assert told(world) == []


class TestHowTheyAreTold:
    def test_with_the_time_at_which_it_happened(self) -> None:
        world = quiet(reconnect_s=None)
        world.disconnect()
        world.advance(100)
        door(world, True)
        happened_s = world.wall_s
        world.advance(1000)
        world.connect()
        (payload,) = world.calls("SecurityEventNotification", type="TamperDetectionActivated")
        assert datetime.fromisoformat(payload["timestamp"]).timestamp() == pytest.approx(happened_s, abs=1.0)
        assert payload["techInfo"] == "the station's door is open"

    def test_what_happened_before_the_time_was_known_is_dated_later(self) -> None:
        world = station(wall=False, online=False)
        door(world, True)
        world.advance(50)
        world.connect()
        dates = [payload["timestamp"] for payload in world.calls("SecurityEventNotification")]
        assert len(dates) == 2
        began_s = datetime.fromisoformat(dates[1]).timestamp()
        assert began_s == pytest.approx(BEGIN_WALL_S, abs=2.0)

    def test_nothing_is_told_before_the_station_is_accepted(self) -> None:
        world = station(online=False)
        world.csms.always("BootNotification", {"status": "Pending", "currentTime": "2026-01-05T12:00:00Z", "interval": 60})
        world.connect()
        assert told(world) == []
        world.csms.always("BootNotification", {"status": "Accepted", "currentTime": "2026-01-05T12:01:00Z", "interval": 60})
        world.advance(61)
        assert told(world) == ["StartupOfTheDevice"]

    def test_a_central_system_of_plain_ocpp_is_told_nothing_until_it_uses_the_extension(self) -> None:
        world = station(0)
        door(world, True)
        assert told(world) == []
        world.call("ExtendedTriggerMessage", requestedMessage="Heartbeat")
        assert told(world) == ["StartupOfTheDevice", "TamperDetectionActivated"]

    @pytest.mark.parametrize("how", ["restart", "cut_power"])
    def test_what_is_owed_survives_and_is_told_in_order(self, how: str) -> None:
        world = quiet(reconnect_s=None)
        world.disconnect()
        door(world, True)
        world.deliver(ev.StoreTroubled("no room"))
        world.deliver(ev.StoreHealed())
        getattr(world, how)(online=False)
        world.connect()
        assert told(world) == ["TamperDetectionActivated", "MemoryExhaustion", "StartupOfTheDevice"]
        world.restart(online=False)
        world.connect()
        assert told(world)[3:] == ["StartupOfTheDevice"], "what was confirmed is not told again"

    def test_a_connection_that_goes_away_is_no_attempt(self) -> None:
        world = quiet()
        world.csms.once("SecurityEventNotification", *(Cut() for _ in range(10)))
        door(world, True)
        world.advance(30)
        assert len(told(world)) == 11
        assert not any(line.owed for line in world.store.security_log.values())

    def test_no_answer_is_followed_by_another_attempt_without_end(self) -> None:
        world = quiet()
        world.csms.once("SecurityEventNotification", *(Silence() for _ in range(6)))
        door(world, True)
        for _ in range(40):
            world.advance(25)
            world.deliver(ev.LinkAlive())
        first = len(told(world))
        assert first >= 3
        for _ in range(200):
            world.advance(25)
            world.deliver(ev.LinkAlive())
        assert len(told(world)) == 7
        assert not any(line.owed for line in world.store.security_log.values())

    def test_one_that_the_central_system_does_not_take_stays_in_the_log_and_the_next_one_goes(self) -> None:
        world = quiet()
        world.csms.once("SecurityEventNotification", Refuse(), Refuse(), Refuse())
        door(world, True)
        world.deliver(ev.StoreTroubled("no room"))
        world.advance(10 * RETRY_MIN_S)
        assert told(world) == ["TamperDetectionActivated"] * 3 + ["MemoryExhaustion"]
        assert kept(world) == ["TamperDetectionActivated", "MemoryExhaustion"]

    @pytest.mark.section("3.8")
    def test_events_and_billing_go_by_turns(self) -> None:
        world = quiet(reconnect_s=None, keys={"MeterValueSampleInterval": 10})
        charging(world)
        world.disconnect()
        for attempt in range(4):
            world.advance(10)
            world.deliver(ev.LinkDown(f"TLS 1.1, the answer to attempt {attempt}", 2, "tls_version"))
        world.sent.clear()
        world.connect()
        actions = [sent.action for sent in world.sent if sent.action in ("SecurityEventNotification", "MeterValues")]
        assert len(actions) == 8
        assert all(left != right for left, right in itertools.pairwise(actions)), actions


class TestAFlood:
    def test_a_thousand_bad_messages_are_some_lines_and_a_count(self) -> None:
        world = quiet()
        commits = len(world.store.commits)
        for _ in range(1_000):
            world.receive("rubbish")
        assert kept(world) == ["InvalidMessages"] * BURST
        assert len(world.store.commits) == commits + BURST, "the card is not worn"
        world.advance(WINDOW_S + 1)
        assert kept(world) == ["InvalidMessages"] * (BURST + 1)
        assert infos(world, "InvalidMessages")[-1].startswith(f"{1_000 - BURST} more within 3600 s")

    def test_its_count_is_not_lost_when_the_station_leaves(self) -> None:
        world = quiet()
        for _ in range(1_000):
            world.receive("rubbish")
        world.call("Reset", type="Hard")
        assert infos(world, "InvalidMessages")[-1].startswith(f"{1_000 - BURST} more")

    def test_changes_of_security_parameters_are_a_line_each(self) -> None:
        world = quiet()
        for number in range(20):
            world.configure("CpoName", f"Operator {number}")
        assert len(kept(world)) == 20

    def test_a_flood_of_one_kind_hides_none_of_another(self) -> None:
        world = quiet()
        for _ in range(1_000):
            world.receive("rubbish")
        door(world, True)
        assert told(world) == ["TamperDetectionActivated"]

    def test_after_a_quiet_hour_each_is_told_again(self) -> None:
        world = quiet()
        for _ in range(BURST):
            world.receive("rubbish")
        world.advance(WINDOW_S + 1)
        world.receive("rubbish")
        assert len(kept(world)) == BURST + 1

    def test_no_more_than_so_many_wait_and_every_kind_is_among_them(self) -> None:
        world = quiet(reconnect_s=None)
        world.disconnect()
        world.deliver(ev.StoreTroubled("no room"))
        for _ in range(OWED_MAX):
            world.restart(online=False)
        owed = [line for line in world.store.security_log.values() if line.owed]
        assert len(owed) == OWED_MAX
        assert {line.event for line in owed} == {"StartupOfTheDevice", "MemoryExhaustion"}
        assert len(world.store.security_log) == OWED_MAX + 1, "the one that is not told any more is still in the log"

    def test_what_a_peer_says_is_bounded_in_the_log(self) -> None:
        world = quiet()
        world.receive('[2,"1","' + "x" * 10_000 + '",{}]')
        world.receive(f'[2,"1","Reset",{{"type":"{"x" * 10_000}"}}]')
        assert all(len(line.info) <= 255 for line in world.store.security_log.values())
        assert parse_frame("[]")
