"""Stories of roots and of the station's own certificate: what is asked of the vault, what is answered, what follows."""

from typing import Any

import pytest

from chargepoint.core import effects as fx
from chargepoint.core import events as ev
from chargepoint.core import vault_records as vr
from chargepoint.core.certificates import ASKED_MAX
from chargepoint.core.signing import AWAIT_S, RETRY_MIN_S, TRIES
from chargepoint.messages import (
    CertificateHashData,
    CertificateStatus,
    CertificateUse,
    DeleteCertificateStatus,
    HashAlgorithm,
)
from tests.core.central_system import Cut, Payload, Refuse
from tests.core.harness import World
from tests.core.securing import CONTENTS, CSR, PEM, answer, ask, asked, forget, infos, kept, station, told
from tests.core.test_configuration import change, value_of

DAY_S = 86_400.0
HASHES = {"hashAlgorithm": "SHA256", "issuerNameHash": "AB", "issuerKeyHash": "CD", "serialNumber": "1F"}
HASH_DATA = CertificateHashData(
    hash_algorithm=HashAlgorithm.SHA256, issuer_name_hash="AB", issuer_key_hash="CD", serial_number="1F"
)
TRIGGER = {"requestedMessage": "SignChargePointCertificate"}


def requests(world: World) -> list[str]:
    return [payload["csr"] for payload in world.calls("SignCertificate")]


def logged(world: World, words: str) -> bool:
    return any(words in log.text for log in world.logs)


def names_its_operator(profile: int = 2, **more: Any) -> World:
    """A station that may ask for a certificate, and a Central System that takes the request."""
    world = station(profile, **{"keys": {"CpoName": "Operator"}, "serial_number": "SN-1", **more})
    world.csms.always("SignCertificate", {"status": "Accepted"})
    forget(world)
    return world


def make(world: World, csr: str = CSR) -> None:
    """The vault has made the key pair."""
    assert isinstance(asked(world).request, vr.MakeRequest)
    answer(world, vr.RequestMade(csr=csr, why="" if csr else "the disk is full"))


@pytest.mark.section("security M05")
class TestInstalling:
    def install(self, world: World, use: str = "CentralSystemRootCertificate", **result: Any) -> str:
        answered = vr.RootInstalled(**{"status": CertificateStatus.Accepted, **result})
        status = ask(world, "InstallCertificate", {"certificateType": use, "certificate": PEM}, answered)["status"]
        assert isinstance(status, str)
        return status

    def test_a_root_that_the_vault_took_is_accepted_and_logged(self) -> None:
        world = station()
        assert self.install(world) == "Accepted"
        assert asked(world).request == vr.InstallRoot(
            use=CertificateUse.CentralSystemRootCertificate, pem=PEM, length_max=20, signed_by_old=False
        )
        assert infos(world, "ReconfigurationOfSecurityParameters") == ["a Central System root was installed"]

    def test_the_keys_bound_the_store_and_ask_for_the_old_ones_signature(self) -> None:
        world = station(keys={"CertificateStoreMaxLength": 3, "AdditionalRootCertificateCheck": True})
        self.install(world, "ManufacturerRootCertificate")
        request = asked(world).request
        assert isinstance(request, vr.InstallRoot)
        assert (request.length_max, request.signed_by_old, request.use) == (3, True, "ManufacturerRootCertificate")

    @pytest.mark.parametrize(
        ("use", "result", "event"),
        [
            ("CentralSystemRootCertificate", {"status": CertificateStatus.Rejected, "why": "it has expired"}, True),
            ("CentralSystemRootCertificate", {"status": CertificateStatus.Rejected, "why": "no room", "full": True}, False),
            ("CentralSystemRootCertificate", {"status": CertificateStatus.Failed, "why": "the disk"}, False),
            ("ManufacturerRootCertificate", {"status": CertificateStatus.Rejected, "why": "it has expired"}, False),
        ],
    )
    def test_a_root_that_is_no_good_is_an_event_and_want_of_room_is_none(
        self, use: str, result: dict[str, Any], event: bool
    ) -> None:
        world = station()
        forget(world)
        assert self.install(world, use, **result) == result["status"]
        assert told(world) == (["InvalidCentralSystemCertificate"] if event else [])


@pytest.mark.section("security M03")
class TestListing:
    def test_what_is_there(self) -> None:
        world = station()
        answered = ask(
            world,
            "GetInstalledCertificateIds",
            {"certificateType": "ManufacturerRootCertificate"},
            vr.RootsListed(hashes=(HASH_DATA,)),
        )
        assert answered == {"status": "Accepted", "certificateHashData": [HASHES]}
        assert asked(world).request == vr.ListRoots(use=CertificateUse.ManufacturerRootCertificate)

    def test_nothing_is_not_found(self) -> None:
        payload = {"certificateType": "CentralSystemRootCertificate"}
        assert ask(station(), "GetInstalledCertificateIds", payload, vr.RootsListed(hashes=())) == {"status": "NotFound"}


@pytest.mark.section("security M04")
class TestDeleting:
    @pytest.mark.parametrize("status", list(DeleteCertificateStatus))
    def test_as_the_vault_says(self, status: DeleteCertificateStatus) -> None:
        world = station()
        forget(world)
        answered = ask(world, "DeleteCertificate", {"certificateHashData": HASHES}, vr.RootDeleted(status=status, why="so"))
        assert answered == {"status": status}
        assert kept(world) == (["ReconfigurationOfSecurityParameters"] if status == "Accepted" else [])

    @pytest.mark.parametrize(("profile", "keep"), [(0, False), (1, False), (2, True), (3, True)])
    def test_the_last_root_stays_while_the_link_needs_one(self, profile: int, keep: bool) -> None:
        world = station(profile)
        world.ask("DeleteCertificate", {"certificateHashData": HASHES})
        assert asked(world).request == vr.DeleteRoot(hash_data=HASH_DATA, keep_last=keep)

    def test_and_so_does_the_one_that_vouches_for_the_connection(self) -> None:
        world = station(online=False)
        world.up = True
        world.deliver(ev.LinkUp("wss://cs.example.org/CP1", 2, "ab12"))
        world.ask("DeleteCertificate", {"certificateHashData": HASHES})
        assert asked(world).request == vr.DeleteRoot(hash_data=HASH_DATA, keep_last=True, in_use="ab12")


class TestWhoeverAsksTheVault:
    def test_an_answer_after_its_connection_is_told_nobody(self) -> None:
        world = station()
        message_id = world.ask("InstallCertificate", {"certificateType": "ManufacturerRootCertificate", "certificate": PEM})
        world.disconnect()
        world.connect()
        answer(world, vr.RootInstalled(status=CertificateStatus.Accepted))
        assert message_id not in world.answers
        assert "a manufacturer root was installed" in infos(world, "ReconfigurationOfSecurityParameters")

    def test_an_answer_after_a_restart_changes_nothing(self) -> None:
        world = station()
        world.ask("InstallCertificate", {"certificateType": "ManufacturerRootCertificate", "certificate": PEM})
        before = asked(world)
        world.restart()
        answer(world, vr.RootInstalled(status=CertificateStatus.Accepted), before)
        assert logged(world, "nobody waits for")

    def test_an_answer_of_another_kind_changes_nothing(self) -> None:
        world = station()
        world.ask("DeleteCertificate", {"certificateHashData": HASHES})
        answer(world, vr.RootsListed(hashes=()))
        assert logged(world, "of another kind")

    def test_so_many_at_once_and_no_more(self) -> None:
        world = station()
        for _ in range(ASKED_MAX):
            world.ask("DeleteCertificate", {"certificateHashData": HASHES})
        assert world.refused("DeleteCertificate", {"certificateHashData": HASHES}) == "GenericError"
        answer(world, vr.RootDeleted(status=DeleteCertificateStatus.NotFound))
        world.ask("DeleteCertificate", {"certificateHashData": HASHES})
        assert len(world.asked_vault) == ASKED_MAX + 1

    @pytest.mark.section("4.2")
    def test_a_station_that_is_pending_answers_and_one_that_is_rejected_does_not(self) -> None:
        for status, answers in (("Pending", True), ("Rejected", False)):
            world = station(online=False)
            world.csms.always("BootNotification", {"status": status, "currentTime": "2026-01-05T12:00:00Z", "interval": 60})
            world.connect()
            world.ask("GetInstalledCertificateIds", {"certificateType": "CentralSystemRootCertificate"})
            assert bool(world.asked_vault) is answers


@pytest.mark.section("security A02")
class TestANewCertificateBecauseTheCentralSystemAsks:
    def test_from_the_trigger_to_the_certificate(self) -> None:
        world = names_its_operator()
        assert world.call("ExtendedTriggerMessage", TRIGGER) == {"status": "Accepted"}
        assert asked(world).request == vr.MakeRequest(common_name="SN-1", organization="Operator", key_type="P-256")
        assert requests(world) == []
        make(world)
        assert requests(world) == [CSR]
        answered = ask(world, "CertificateSigned", {"certificateChain": PEM}, vr.ChainTaken(accepted=True))
        assert asked(world).request == vr.TakeChain(pem=PEM, size_max=10_000)
        assert answered == {"status": "Accepted"}
        assert infos(world, "ReconfigurationOfSecurityParameters") == ["the station has a new certificate"]

    def test_without_a_name_of_the_operator_it_is_rejected(self) -> None:
        world = station()
        assert world.call("ExtendedTriggerMessage", TRIGGER) == {"status": "Rejected"}
        assert logged(world, "CpoName")
        world.configure("CpoName", "Operator")
        assert world.call("ExtendedTriggerMessage", TRIGGER) == {"status": "Accepted"}

    def test_a_station_without_a_serial_number_is_known_by_its_identity(self) -> None:
        world = names_its_operator(serial_number="", identity="CP7", key_type="RSA-2048")
        world.call("ExtendedTriggerMessage", TRIGGER)
        assert asked(world).request == vr.MakeRequest(common_name="CP7", organization="Operator", key_type="RSA-2048")

    def test_a_chain_that_is_refused_is_rejected_and_an_event(self) -> None:
        world = names_its_operator(3)
        answered = ask(world, "CertificateSigned", {"certificateChain": PEM}, vr.ChainTaken(accepted=False, why="expired"))
        assert answered == {"status": "Rejected"}
        assert told(world) == ["InvalidChargePointCertificate"]
        assert infos(world, "InvalidChargePointCertificate") == ["expired"]
        assert world.up

    def test_with_profile_3_it_is_used_at_once_after_the_answer(self) -> None:
        world = names_its_operator(3)
        ask(world, "CertificateSigned", {"certificateChain": PEM}, vr.ChainTaken(accepted=True))
        last = [effect for effect in world.effects if isinstance(effect, fx.SendFrame | fx.CloseLink)][-2:]
        assert [type(effect) for effect in last] == [fx.SendFrame, fx.CloseLink]

    def test_the_bound_of_the_chain_is_the_keys(self) -> None:
        world = names_its_operator(keys={"CertificateSignedMaxChainSize": 2_000})
        world.ask("CertificateSigned", {"certificateChain": PEM})
        assert asked(world).request == vr.TakeChain(pem=PEM, size_max=2_000)

    def test_a_pending_station_asks_when_it_is_told_to(self) -> None:
        world = names_its_operator(online=False)
        world.csms.always("BootNotification", {"status": "Pending", "currentTime": "2026-01-05T12:00:00Z", "interval": 600})
        world.connect()
        world.call("ExtendedTriggerMessage", TRIGGER)
        make(world)
        assert requests(world) == [CSR]
        assert told(world) == []

    def test_triggers_while_the_pair_is_made_are_one(self) -> None:
        world = names_its_operator()
        for _ in range(1_000):
            assert world.call("ExtendedTriggerMessage", TRIGGER) == {"status": "Accepted"}
        assert len(world.asked_vault) == 1
        make(world)
        assert requests(world) == [CSR]

    def test_a_pair_that_cannot_be_made_is_said(self) -> None:
        world = names_its_operator()
        world.call("ExtendedTriggerMessage", TRIGGER)
        make(world, "")
        assert requests(world) == []
        assert logged(world, "the disk is full")

    @pytest.mark.parametrize("bad", [{"status": "Rejected"}, {}, Refuse()])
    def test_no_good_answer_is_followed_by_a_bounded_number_of_others(self, bad: Payload | Refuse) -> None:
        world = names_its_operator()
        world.csms.always("SignCertificate", bad)
        world.call("ExtendedTriggerMessage", TRIGGER)
        make(world)
        world.advance(RETRY_MIN_S - 1)
        assert len(requests(world)) == 1
        world.advance(DAY_S)
        assert len(requests(world)) == TRIES
        assert logged(world, "signs no certificate")

    def test_a_central_system_that_does_not_know_the_message_is_asked_once(self) -> None:
        world = names_its_operator()
        world.csms.always("SignCertificate", Refuse("NotImplemented"))
        world.call("ExtendedTriggerMessage", TRIGGER)
        make(world)
        world.advance(DAY_S)
        assert len(requests(world)) == 1

    def test_a_connection_that_goes_away_is_no_attempt(self) -> None:
        world = names_its_operator()
        world.csms.once("SignCertificate", *(Cut() for _ in range(2 * TRIES)))
        world.call("ExtendedTriggerMessage", TRIGGER)
        make(world)
        world.advance(60)
        assert len(requests(world)) == 2 * TRIES + 1

    def test_a_certificate_that_never_comes_is_not_asked_for_again(self) -> None:
        world = names_its_operator()
        world.call("ExtendedTriggerMessage", TRIGGER)
        make(world)
        world.advance(AWAIT_S + 1)
        assert logged(world, "no certificate came")
        world.advance(7 * DAY_S)
        assert len(requests(world)) == 1


@pytest.mark.section("security A03")
class TestANewCertificateBecauseTheOldOneEnds:
    def ends_in(self, days: float, **more: Any) -> World:
        world = names_its_operator(3, **more)
        since_s = world.wall_s - 300 * DAY_S
        until_s = world.wall_s + days * DAY_S
        contents = vr.VaultContents(central_system_roots=1, client_since_s=since_s, client_until_s=until_s)
        world.deliver(ev.VaultSeen(contents))
        return world

    def test_thirty_days_before_its_end(self) -> None:
        world = self.ends_in(31)
        world.advance(DAY_S - 10)
        assert not world.asked_vault
        world.advance(20)
        make(world)
        assert requests(world) == [CSR]

    def test_once_a_day_until_it_comes(self) -> None:
        world = self.ends_in(10)
        for day in range(3):
            make(world)
            assert len(requests(world)) == day + 1
            world.advance(DAY_S / 2)
            assert len(world.asked_vault) == day + 1
            world.advance(DAY_S / 2)

    def test_a_new_one_is_the_end_of_it(self) -> None:
        world = self.ends_in(10)
        make(world)
        ask(world, "CertificateSigned", {"certificateChain": PEM}, vr.ChainTaken(accepted=True))
        world.deliver(ev.VaultSeen(CONTENTS))
        count = len(world.asked_vault)
        world.advance(30 * DAY_S)
        assert len(world.asked_vault) == count

    def test_offline_it_waits_for_the_link(self) -> None:
        world = self.ends_in(31, online=False)
        world.advance(2 * DAY_S)
        make(world)
        assert requests(world) == []
        world.connect()
        assert requests(world) == [CSR]

    def test_without_a_name_of_the_operator_too(self) -> None:
        world = self.ends_in(10, keys={})
        assert asked(world).request == vr.MakeRequest(common_name="SN-1", organization="", key_type="P-256")


@pytest.mark.section("security 7")
class TestKeys:
    @pytest.mark.parametrize(
        ("key", "value", "readonly"),
        [
            ("AdditionalRootCertificateCheck", "false", True),
            ("AllowCentralSystemTLSWildcards", "false", False),
            ("CertificateSignedMaxChainSize", "10000", True),
            ("CertificateStoreMaxLength", "20", True),
            ("CpoName", "", False),
            ("SecurityProfile", "0", False),
        ],
    )
    def test_every_key_of_the_extension_is_there(self, key: str, value: str, readonly: bool) -> None:
        found = World().call("GetConfiguration", key=[key])["configurationKey"]
        assert found == [{"key": key, "value": value, "readonly": readonly}]
        assert change(World(), key, value) == ("Rejected" if readonly or key == "SecurityProfile" else "Accepted")

    def test_the_authorization_key_can_be_written_and_not_read(self) -> None:
        world = World()
        assert world.call("GetConfiguration", key=["AuthorizationKey"])["unknownKey"] == ["AuthorizationKey"]
        assert change(world, "AuthorizationKey", "00112233445566778899AABBCCDDEEFF") == "Accepted"

    @pytest.mark.parametrize("value", ["x" * 65, "a\nb", "\x7f"])
    def test_a_name_that_no_certificate_can_carry(self, value: str) -> None:
        world = World()
        assert change(world, "CpoName", value) == "Rejected"
        assert value_of(world, "CpoName") == ""
