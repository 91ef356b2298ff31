"""Stories of the configuration keys: which there are, who may read and write them, what a value may be."""

import pytest
from msgspec.structs import replace

from chargepoint.core import effects as fx
from chargepoint.core import records as rec
from chargepoint.core.configuration import check_initial
from chargepoint.facts import Quantity
from tests.core.harness import World
from tests.core.securing import infos

pytestmark = pytest.mark.section("9")

READ_WRITE = [
    "AllowOfflineTxForUnknownId", "AuthorizationCacheEnabled", "AuthorizeRemoteTxRequests", "BlinkRepeat",
    "ClockAlignedDataInterval", "ConnectionTimeOut", "ConnectorPhaseRotation", "HeartbeatInterval", "LightIntensity",
    "LocalAuthorizeOffline", "LocalPreAuthorize", "MaxEnergyOnInvalidId", "MeterValuesAlignedData", "MeterValuesSampledData",
    "MeterValueSampleInterval", "MinimumStatusDuration", "ResetRetries", "StopTransactionOnEVSideDisconnect",
    "StopTransactionOnInvalidId", "StopTxnAlignedData", "StopTxnSampledData", "TransactionMessageAttempts",
    "TransactionMessageRetryInterval", "UnlockConnectorOnEVSideDisconnect", "WebSocketPingInterval",
]  # fmt: skip
READ_ONLY = [
    "ConnectorPhaseRotationMaxLength", "GetConfigurationMaxKeys", "MeterValuesAlignedDataMaxLength",
    "MeterValuesSampledDataMaxLength", "NumberOfConnectors", "StopTxnAlignedDataMaxLength", "StopTxnSampledDataMaxLength",
    "SupportedFeatureProfiles", "SupportedFeatureProfilesMaxLength", "SupportedFileTransferProtocols",
]  # fmt: skip
BOOLEANS = [
    "AllowOfflineTxForUnknownId", "AuthorizationCacheEnabled", "AuthorizeRemoteTxRequests", "LocalAuthorizeOffline",
    "LocalPreAuthorize", "StopTransactionOnEVSideDisconnect", "StopTransactionOnInvalidId", "UnlockConnectorOnEVSideDisconnect",
]  # fmt: skip
WHOLE = {
    "BlinkRepeat": (0, 1_000),
    "ClockAlignedDataInterval": (0, 86_400),
    "ConnectionTimeOut": (0, 86_400),
    "HeartbeatInterval": (1, 604_800),
    "LightIntensity": (0, 100),
    "MaxEnergyOnInvalidId": (0, 2_147_483_647),
    "MeterValueSampleInterval": (0, 86_400),
    "MinimumStatusDuration": (0, 86_400),
    "ResetRetries": (0, 100),
    "TransactionMessageAttempts": (1, 1_000),
    "TransactionMessageRetryInterval": (0, 86_400),
    "WebSocketPingInterval": (0, 86_400),
}
LISTS = ["MeterValuesAlignedData", "MeterValuesSampledData", "StopTxnAlignedData", "StopTxnSampledData"]
SECRET = "0123456789abcdefFEDC"


def value_of(world: World, key: str) -> str:
    (found,) = world.call("GetConfiguration", key=[key])["configurationKey"]
    value: str = found["value"]
    return value


def change(world: World, key: str, value: str) -> str:
    """The status of a ChangeConfiguration."""
    status: str = world.call("ChangeConfiguration", key=key, value=value)["status"]
    return status


@pytest.mark.section("5.8")
class TestReading:
    @pytest.mark.parametrize("payload", [{}, {"key": []}])
    def test_no_names_means_every_key_that_may_be_read(self, world: World, payload: dict[str, list[str]]) -> None:
        answer = world.call("GetConfiguration", payload)
        assert "unknownKey" not in answer
        access = {one["key"]: one["readonly"] for one in answer["configurationKey"]}
        assert {name for name, readonly in access.items() if not readonly} >= set(READ_WRITE)
        assert {name for name, readonly in access.items() if readonly} >= set(READ_ONLY)
        assert len(access) == len(answer["configurationKey"]), "none twice"
        assert all(isinstance(one["value"], str) for one in answer["configurationKey"])
        assert "AuthorizationKey" not in access

    def test_names_match_without_regard_to_case_and_come_back_as_spelled(self, world: World) -> None:
        answer = world.call("GetConfiguration", key=["heartbeatINTERVAL", "numberofconnectors"])
        assert [one["key"] for one in answer["configurationKey"]] == ["HeartbeatInterval", "NumberOfConnectors"]

    def test_unknown_names_are_listed_as_they_were_asked(self, world: World) -> None:
        answer = world.call("GetConfiguration", key=["Colour", "HeartbeatInterval", "ünbekannt"])
        assert answer["unknownKey"] == ["Colour", "ünbekannt"]
        assert [one["key"] for one in answer["configurationKey"]] == ["HeartbeatInterval"]

    def test_only_unknown_names(self, world: World) -> None:
        assert world.call("GetConfiguration", key=["Colour"]) == {"configurationKey": [], "unknownKey": ["Colour"]}

    def test_a_name_that_is_asked_twice_comes_once(self, world: World) -> None:
        answer = world.call("GetConfiguration", key=["BlinkRepeat", "blinkrepeat", "X", "X"])
        assert [one["key"] for one in answer["configurationKey"]] == ["BlinkRepeat"]
        assert answer["unknownKey"] == ["X"]

    def test_more_names_than_allowed_are_refused(self, world: World) -> None:
        bound = int(value_of(world, "GetConfigurationMaxKeys"))
        assert len(world.call("GetConfiguration", key=[f"K{n}" for n in range(bound)])["unknownKey"]) == bound
        assert world.refused("GetConfiguration", {"key": [f"K{n}" for n in range(bound + 1)]}) == "OccurenceConstraintViolation"

    def test_the_authorization_key_is_never_returned(self, world: World) -> None:
        world.configure("AuthorizationKey", SECRET)
        answer = world.call("GetConfiguration", key=["AuthorizationKey"])
        assert answer == {"configurationKey": [], "unknownKey": ["AuthorizationKey"]}
        body, _ = world.control("get_settings")
        assert SECRET not in str(body)

    def test_keys_of_a_profile_that_is_switched_off_do_not_exist(self) -> None:
        world = World(keys={"SupportedFeatureProfiles": "Core,RemoteTrigger"})
        names = {one["key"] for one in world.call("GetConfiguration")["configurationKey"]}
        own = ["LocalAuthListEnabled", "LocalAuthListMaxLength", "SendLocalListMaxLength", "ReserveConnectorZeroSupported"]
        assert not names & set(own)
        assert world.call("GetConfiguration", key=own) == {"configurationKey": [], "unknownKey": own}
        assert change(world, "LocalAuthListEnabled", "false") == "NotSupported"
        assert value_of(world, "SupportedFeatureProfiles") == "Core,RemoteTrigger"

    def test_what_follows_from_the_station(self) -> None:
        world = World(3)
        assert value_of(world, "NumberOfConnectors") == "3"
        assert value_of(world, "ConnectorPhaseRotation") == "1.RST,2.RST,3.RST"
        assert value_of(world, "ConnectorPhaseRotationMaxLength") == "4"
        assert "Core" in value_of(world, "SupportedFeatureProfiles").split(",")
        assert len(value_of(world, "SupportedFeatureProfiles").split(",")) <= int(
            value_of(world, "SupportedFeatureProfilesMaxLength")
        )


@pytest.mark.section("5.3")
class TestChanging:
    @pytest.mark.parametrize("key", READ_ONLY)
    def test_what_is_read_only_is_rejected(self, world: World, key: str) -> None:
        before = value_of(world, key)
        assert change(world, key, before) == "Rejected"
        assert change(world, key, "7") == "Rejected"
        assert value_of(world, key) == before

    @pytest.mark.parametrize("key", ["Colour", "", "HeartBeatInterval ", "AuthorizationKeys"])
    def test_an_unknown_key_is_not_supported(self, world: World, key: str) -> None:
        assert change(world, key, "7") == "NotSupported"

    @pytest.mark.parametrize("key", BOOLEANS)
    def test_booleans(self, world: World, key: str) -> None:
        for value, kept in (("true", "true"), ("FALSE", "false"), ("True", "true"), (" false ", "false")):
            assert change(world, key, value) == "Accepted"
            assert value_of(world, key) == kept
        for value in ("", "1", "0", "yes", "wahr", "truee", "null"):
            assert change(world, key, value) == "Rejected"
        assert value_of(world, key) == "false"

    @pytest.mark.parametrize(("key", "bounds"), WHOLE.items())
    def test_numbers_at_and_beyond_their_bounds(self, world: World, key: str, bounds: tuple[int, int]) -> None:
        low, high = bounds
        for value in (low, high):
            assert change(world, key, str(value)) == "Accepted"
            assert value_of(world, key) == str(value)
        for value in (low - 1, high + 1, 10**19, -(10**19)):
            assert change(world, key, str(value)) == "Rejected"
        assert value_of(world, key) == str(high)

    @pytest.mark.parametrize(
        "value",
        [
            "", " ", "abc", "1.0", "1e3", "0x10", "--5", "+-5", "++5", "-", "+", "\uff15", "\u0663", "1_0", "1 0", "NaN",
            "9" * 500,
        ],
    )  # fmt: skip
    def test_what_is_no_whole_number_is_rejected(self, world: World, value: str) -> None:
        before = value_of(world, "MeterValueSampleInterval")
        assert change(world, "MeterValueSampleInterval", value) == "Rejected"
        assert value_of(world, "MeterValueSampleInterval") == before

    def test_a_number_is_kept_in_its_plainest_form(self, world: World) -> None:
        for value in ("+0030", " 30 ", "030"):
            world.configure("MeterValueSampleInterval", value)
            assert value_of(world, "MeterValueSampleInterval") == "30"

    def test_the_key_is_found_in_any_case(self, world: World) -> None:
        assert change(world, "METERVALUESAMPLEINTERVAL", "31") == "Accepted"
        assert value_of(world, "MeterValueSampleInterval") == "31"

    def test_a_change_outlives_a_power_cut(self, world: World) -> None:
        world.configure("MeterValueSampleInterval", 33)
        world.cut_power()
        assert value_of(world, "MeterValueSampleInterval") == "33"

    def test_a_change_wins_over_the_settings_file(self) -> None:
        world = World(keys={"MeterValueSampleInterval": 10})
        assert value_of(world, "MeterValueSampleInterval") == "10"
        world.configure("MeterValueSampleInterval", 11)
        world.restart()
        assert value_of(world, "MeterValueSampleInterval") == "11"

    def test_a_change_to_the_same_value_writes_nothing(self, world: World) -> None:
        world.configure("MeterValueSampleInterval", 34)
        commits = len(world.store.commits)
        world.configure("MeterValueSampleInterval", 34)
        assert len(world.store.commits) == commits

    def test_the_change_is_stored_before_it_is_answered(self, world: World) -> None:
        at = len(world.effects)
        world.configure("BlinkRepeat", 9)
        kinds = [type(effect) for effect in world.effects[at:] if isinstance(effect, fx.Commit | fx.SendFrame)]
        assert kinds == [fx.Commit, fx.SendFrame]

    def test_no_key_wants_a_reboot(self, world: World) -> None:
        answers = {change(world, key, str(WHOLE[key][0])) for key in WHOLE}
        assert answers == {"Accepted"}

    def test_an_old_value_that_is_no_longer_allowed_does_not_stop_the_station(self, world: World) -> None:
        """A store of an older program may hold what the table of today refuses: the first value holds then."""
        world.store.keys |= {"MeterValueSampleInterval": "soon", "HeartbeatInterval": "0", "Forgotten": "1"}
        world.restart()
        assert value_of(world, "MeterValueSampleInterval") == "60"
        assert int(value_of(world, "HeartbeatInterval")) >= 1

    @pytest.mark.parametrize("value", ["0.RST,1.RST", "1.NotApplicable", "RST", "0.Unknown", "", "1.TSR"])
    def test_phase_rotation(self, world: World, value: str) -> None:
        assert change(world, "ConnectorPhaseRotation", value) == "Accepted"
        assert value_of(world, "ConnectorPhaseRotation") == value

    @pytest.mark.parametrize("value", ["1.XYZ", "x.RST", "1:RST", "0.RST,1.RST,2.RST", ".RST", "-1.RST"])
    def test_wrong_phase_rotation(self, world: World, value: str) -> None:
        assert change(world, "ConnectorPhaseRotation", value) == "Rejected"


@pytest.mark.section("3.16.4")
class TestMeasurandLists:
    @pytest.mark.parametrize("key", LISTS)
    @pytest.mark.parametrize(
        "value",
        [
            "",
            "Energy.Active.Import.Register",
            "Voltage.L1-N",
            "Current.Import.L1,Current.Import.L2,Current.Import.L3",
            "Energy.Active.Import.Register, Power.Active.Import ,Voltage",
            "Current.Offered,Power.Offered",
        ],
    )
    def test_what_the_meter_gives_is_accepted(self, world: World, key: str, value: str) -> None:
        assert change(world, key, value) == "Accepted"
        assert value_of(world, key) == value

    @pytest.mark.parametrize("key", LISTS)
    @pytest.mark.parametrize(
        "value",
        [
            "Energy.Active.Import.Register,Frequency",  # the meter has none
            "Temperature",
            "SoC",
            "RPM",
            "Energy.Reactive.Import.Register",
            "energy.active.import.register",
            "Energy",
            "Voltage.L4",
            "Voltage.L1",  # phase to neutral is what is measured
            "Energy.Active.Import.Register.L1",
            "Energy.Active.Import.Register,,Voltage",
            "Energy.Active.Import.Register,",
            "Energy.Active.Import.Register;Voltage",
        ],
    )
    def test_one_wrong_member_rejects_the_whole(self, world: World, key: str, value: str) -> None:
        before = value_of(world, key)
        assert change(world, key, value) == "Rejected"
        assert value_of(world, key) == before

    def test_power_of_one_phase_needs_a_meter_that_gives_it(self, world: World) -> None:
        assert change(world, "MeterValuesSampledData", "Power.Active.Import.L1") == "Rejected"
        world.plants[1].quantities |= {Quantity.POWER_PHASES}
        world.open_meter(1)
        assert change(world, "MeterValuesSampledData", "Power.Active.Import.L1") == "Accepted"

    def test_what_any_meter_of_the_station_gives_is_accepted(self) -> None:
        world = World(2)
        assert change(world, "MeterValuesSampledData", "Frequency") == "Rejected"
        world.plants[2].quantities |= {Quantity.FREQUENCY}
        world.open_meter(2)
        assert change(world, "MeterValuesSampledData", "Frequency") == "Accepted"

    def test_before_any_meter_was_opened_the_specification_decides(self) -> None:
        world = World(started=False)
        world.start(parts=False)
        world.connect()
        assert change(world, "MeterValuesSampledData", "Frequency") == "Accepted"
        assert change(world, "MeterValuesSampledData", "SoC") == "Rejected"

    @pytest.mark.parametrize("key", LISTS)
    def test_too_many_members_are_rejected(self, key: str) -> None:
        world = World(keys={f"{key}MaxLength": 2})
        assert change(world, key, "Voltage,Current.Import") == "Accepted"
        assert change(world, key, "Voltage,Current.Import,Power.Active.Import") == "Rejected"

    def test_back_ends_that_probe_write_nothing_but_what_they_change(self, world: World) -> None:
        """Some try every measurand by itself; that must cost no reboot and leave the last good value."""
        names = ["Voltage", "SoC", "Frequency", "Current.Import", "RPM", "Power.Active.Import"]
        assert [change(world, "MeterValuesSampledData", name) for name in names] == [
            "Accepted", "Rejected", "Rejected", "Accepted", "Rejected", "Accepted",
        ]  # fmt: skip
        assert value_of(world, "MeterValuesSampledData") == "Power.Active.Import"
        assert world.exited is None

    def test_a_value_beyond_the_schema_is_refused_and_changes_nothing(self, world: World) -> None:
        value = ",".join(["Energy.Active.Import.Register"] * 20)
        assert len(value) > 500
        before = value_of(world, "MeterValuesSampledData")
        assert world.refused("ChangeConfiguration", {"key": "MeterValuesSampledData", "value": value}) == (
            "PropertyConstraintViolation"
        )
        assert value_of(world, "MeterValuesSampledData") == before


@pytest.mark.section("security 2.3")
class TestAuthorizationKey:
    def test_a_new_key_is_stored_answered_and_then_used(self, world: World) -> None:
        at = len(world.effects)
        world.configure("AuthorizationKey", SECRET)
        kinds = [
            type(effect) for effect in world.effects[at:] if isinstance(effect, fx.Commit | fx.SendFrame | fx.SetCredentials)
        ]
        assert kinds == [fx.Commit, fx.SendFrame, fx.SetCredentials]
        assert world.effects[-1] == fx.SetCredentials(SECRET)
        assert world.store.keys["AuthorizationKey"] == SECRET

    @pytest.mark.parametrize(
        ("at_first", "later", "kept"),
        [("a", "a", True), ("", "", True), ("a", "", True), ("a", "b", False), ("", "b", False)],
        ids=["the same", "none", "taken out", "another one", "a first one"],
    )
    def test_another_key_in_the_settings_is_newer_than_the_one_that_was_given(
        self, at_first: str, later: str, kept: bool
    ) -> None:
        world = World(key_mark=at_first, reconnect_s=1.0)
        world.configure("AuthorizationKey", SECRET)
        world.restart()
        assert world.store.keys["AuthorizationKey"] == SECRET
        world.site = replace(world.site, key_mark=later)
        world.restart()
        assert world.store.keys["AuthorizationKey"] == (SECRET if kept else "")
        told = [text for text in infos(world, "ReconfigurationOfSecurityParameters") if "the settings hold another" in text]
        assert len(told) == (0 if kept else 1)
        world.restart()
        assert world.store.keys["AuthorizationKey"] == (SECRET if kept else ""), "it is settled once"

    @pytest.mark.parametrize("value", ["", "00" * 7, "00" * 21, "0" * 17, "xyz" * 8, "0x" + "00" * 10, " " + "00" * 8])
    def test_what_is_no_key_is_rejected(self, world: World, value: str) -> None:
        assert change(world, "AuthorizationKey", value) == "Rejected"
        assert not any(isinstance(effect, fx.SetCredentials) for effect in world.effects)

    @pytest.mark.parametrize("value", ["00" * 8, "fF" * 20])
    def test_the_shortest_and_the_longest_key(self, world: World, value: str) -> None:
        assert change(world, "AuthorizationKey", value) == "Accepted"

    @pytest.mark.parametrize("key", ["AuthorizationKey", "authorizationkey", "AuthorisationKey"])
    def test_it_is_told_to_nobody(self, world: World, key: str) -> None:
        """Not in a log, not in an answer, not in a status; only the commit and the link get it."""
        for value in (SECRET, SECRET + "zz", SECRET * 20):
            world.ask("ChangeConfiguration", {"key": key, "value": value})
        world.control("set_setting", name="AuthorizationKey", value=SECRET + "!")
        world.control("status")
        world.control("get_settings")
        leaky = [
            effect
            for effect in world.effects
            if SECRET[:8] in repr(effect) and not isinstance(effect, fx.Commit | fx.SetCredentials)
        ]
        assert leaky == []


@pytest.mark.section("9.1.34")
def test_the_ping_interval_is_told_at_every_connection_and_change(world: World) -> None:
    def told() -> list[int]:
        return [effect.interval_s for effect in world.effects if isinstance(effect, fx.SetPingInterval)]

    assert told() == [60]
    world.configure("WebSocketPingInterval", 0)
    assert told() == [60, 0]
    world.disconnect()
    world.connect()
    assert told() == [60, 0, 0]


class TestFirstValues:
    """[configuration] of the settings file."""

    @pytest.mark.parametrize(
        ("name", "value", "part"),
        [
            ("HeartbeatIntervall", "60", "did you mean HeartbeatInterval?"),
            ("Wurst", "60", "no known OCPP key"),
            ("NumberOfConnectors", "2", "follows from the station"),
            ("HeartbeatInterval", "0", "between 1 and"),
            ("HeartbeatInterval", "--5", "whole number"),
            ("LocalPreAuthorize", "maybe", "true or false"),
            ("MeterValuesSampledData", "Voltage,Wurst", "'Wurst' is no measurand"),
            ("SupportedFeatureProfiles", "Core,SmartParking", "SmartParking"),
            ("SupportedFeatureProfiles", "RemoteTrigger", "Core"),
            ("SupportedFeatureProfiles", "", "Core"),
        ],
    )
    def test_what_is_wrong_is_said(self, name: str, value: str, part: str) -> None:
        said = check_initial(name, value)
        assert said is not None
        assert part in said

    @pytest.mark.parametrize(
        ("name", "value"),
        [("blinkrepeat", "60"), ("SupportedFeatureProfiles", "Core"), ("MeterValuesSampledDataMaxLength", "5")],
    )
    def test_what_is_right_is_taken(self, name: str, value: str) -> None:
        assert check_initial(name, value) is None
        world = World(keys={name: value})
        assert value_of(world, name) == value

    def test_a_change_is_one_record(self, world: World) -> None:
        world.configure("BlinkRepeat", 8)
        changes = [change for commit in world.store.commits for change in commit.changes if isinstance(change, rec.PutKey)]
        assert changes[-1] == rec.PutKey("BlinkRepeat", "8")
