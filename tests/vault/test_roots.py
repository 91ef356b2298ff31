"""Roots: what may be installed, how they are named in messages, and which must stay."""

import hashlib
from datetime import timedelta
from functools import cache
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from chargepoint.core import vault_records as vr
from chargepoint.messages import CertificateHashData, DeleteCertificateStatus, HashAlgorithm
from chargepoint.shell.vault import folder
from tests.vault.making import CENTRAL, MANUFACTURER, Desk, Party, issue, print_of

pytestmark = pytest.mark.section("security 2.6")


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


@cache
def root(name: str = "Root", **changes: object) -> Party:
    return issue(name, ca=True, **changes)  # type: ignore[arg-type]


def named(
    desk: Desk, use: object = CENTRAL, algorithm: HashAlgorithm = HashAlgorithm.SHA256
) -> tuple[CertificateHashData, ...]:
    answer = desk.ask(vr.ListRoots(use=use, algorithm=algorithm))  # type: ignore[arg-type]
    assert isinstance(answer, vr.RootsListed)
    return answer.hashes


def delete(
    desk: Desk, data: CertificateHashData, keep_last: bool = False, in_use: str | None = None
) -> DeleteCertificateStatus:
    answer = desk.ask(vr.DeleteRoot(hash_data=data, keep_last=keep_last, in_use=in_use))
    assert isinstance(answer, vr.RootDeleted)
    return answer.status


@pytest.mark.section("security M05")
class TestInstalling:
    def test_a_sound_root_is_installed_for_its_use_only(self, desk: Desk) -> None:
        assert desk.install(root()) == "Accepted"
        assert desk.fingerprints() == [print_of(root())]
        assert desk.fingerprints(MANUFACTURER) == []
        assert desk.contents() == vr.VaultContents(central_system_roots=1)

    def test_the_same_one_again_takes_no_room(self, desk: Desk) -> None:
        assert desk.install(root(), length_max=1) == "Accepted"
        assert desk.install(root(), length_max=1) == "Accepted: it is installed already"
        assert len(desk.fingerprints()) == 1

    @pytest.mark.parametrize(
        ("certificate", "why"),
        [
            (issue("Leaf"), "no certificate of an authority"),
            (issue("Old", ca=True, ends=timedelta(minutes=-1)), "expired at 2026-11-22 11:59"),
            (issue("Early", ca=True, begins=timedelta(days=3)), "valid from 2026-11-25 12:00 UTC only; here it is 2026-11-22"),
            (issue("rsa1024", ca=True), "RSA key of 1024 bits, at least 2048"),
            (
                issue("Demanding", ca=True, extensions=[(x509.InhibitAnyPolicy(0), True)]),
                "does not understand",
            ),
        ],
        ids=lambda value: value if isinstance(value, str) else "",
    )
    def test_what_is_no_good_root_is_rejected_with_the_reason(self, desk: Desk, certificate: Party, why: str) -> None:
        said = desk.install(certificate)
        assert said.startswith("Rejected: ")
        assert why in said
        assert not desk.file(folder.ROOTS).exists()

    @pytest.mark.parametrize(
        ("pem", "why"),
        [
            ("", "no certificate in PEM"),
            ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "cannot be read"),
            (root().pem + root("Other").pem, "one certificate is installed at a time"),
            (root().pem.replace("M", "N", 3), "cannot be read"),
        ],
    )
    def test_what_is_no_certificate_is_rejected(self, desk: Desk, pem: str, why: str) -> None:
        answer = desk.ask(vr.InstallRoot(use=CENTRAL, pem=pem, length_max=9))
        assert answer.status == "Rejected"
        assert why in answer.why

    def test_a_root_whose_own_signature_is_wrong(self, desk: Desk) -> None:
        forged = issue("Root", by=issue("Root", ca=True, of="another key"), ca=True)
        assert desk.install(forged) == "Rejected: its own signature is wrong"

    def test_the_store_is_bounded_over_both_uses(self, desk: Desk) -> None:
        assert desk.install(root("One"), length_max=2) == "Accepted"
        assert desk.install(root("Two"), MANUFACTURER, length_max=2) == "Accepted"
        assert desk.install(root("Three"), length_max=2).startswith("Rejected: there is room for 2 certificates")
        assert len(desk.fingerprints()) == 1

    def test_files_are_for_the_service_only(self, desk: Desk) -> None:
        desk.install(root())
        assert desk.file(folder.ROOTS).stat().st_mode & 0o777 == 0o600
        assert Path(desk.places.folder).stat().st_mode & 0o777 == 0o700


@pytest.mark.section("security M03")
class TestNaming:
    @pytest.mark.section("tool TC_075_1")
    @pytest.mark.section("tool TC_075_2")
    @pytest.mark.parametrize("algorithm", list(HashAlgorithm))
    def test_the_hashes_of_a_root(self, desk: Desk, algorithm: HashAlgorithm) -> None:
        one = root(serial=0x0A1B2C)
        desk.install(one)
        (data,) = named(desk, algorithm=algorithm)
        bits = one.key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        assert data.issuer_key_hash == hashlib.new(algorithm.value.lower(), bits).hexdigest()
        assert data.issuer_name_hash == hashlib.new(algorithm.value.lower(), one.certificate.subject.public_bytes()).hexdigest()
        assert data.serial_number == "a1b2c", "without leading zeros"

    def test_the_key_hash_of_an_rsa_root_is_over_the_bits_alone(self, desk: Desk) -> None:
        one = root("rsa root")
        desk.install(one)
        bits = one.key.public_key().public_bytes(Encoding.DER, PublicFormat.PKCS1)
        assert named(desk)[0].issuer_key_hash == hashlib.sha256(bits).hexdigest()

    def test_a_cross_signed_root_is_named_by_its_issuers_key(self, desk: Desk) -> None:
        old = root("Old")
        new = issue("New", by=old, ca=True)
        assert [desk.install(old), desk.install(new)] == ["Accepted", "Accepted"]
        of_old, of_new = named(desk)
        assert of_new.issuer_key_hash == of_old.issuer_key_hash
        assert of_new.issuer_name_hash == of_old.issuer_name_hash
        assert of_new.serial_number != of_old.serial_number

    def test_nothing_is_installed(self, desk: Desk) -> None:
        assert named(desk) == ()


@pytest.mark.section("security M04")
class TestDeleting:
    @pytest.mark.section("tool TC_076")
    @pytest.mark.parametrize("algorithm", list(HashAlgorithm))
    def test_a_root_goes_by_its_hashes_in_any_spelling(self, desk: Desk, algorithm: HashAlgorithm) -> None:
        desk.install(root("Keep"))
        desk.install(root("Go", serial=0xABC))
        data = named(desk, algorithm=algorithm)[1]
        shouted = CertificateHashData(
            hash_algorithm=algorithm,
            issuer_name_hash=data.issuer_name_hash.upper(),
            issuer_key_hash=data.issuer_key_hash.upper(),
            serial_number="0000ABC",
        )
        assert delete(desk, shouted) == "Accepted"
        assert desk.fingerprints() == [print_of(root("Keep"))]
        assert delete(desk, shouted) == "NotFound"

    def test_the_last_root_stays_where_the_profile_needs_it(self, desk: Desk) -> None:
        desk.install(root())
        (data,) = named(desk)
        assert delete(desk, data, keep_last=True) == "Failed"
        assert len(desk.fingerprints()) == 1
        assert delete(desk, data) == "Accepted"
        assert desk.fingerprints() == []

    def test_the_root_that_vouches_for_the_connection_stays(self, desk: Desk) -> None:
        desk.install(root("Used"))
        desk.install(root("Other"))
        used, other = named(desk)
        assert delete(desk, used, in_use=print_of(root("Used"))) == "Failed"
        assert delete(desk, other, in_use=print_of(root("Used"))) == "Accepted"
        assert desk.fingerprints() == [print_of(root("Used"))]

    def test_the_last_manufacturer_root_may_go(self, desk: Desk) -> None:
        desk.install(root(), MANUFACTURER)
        assert delete(desk, named(desk, MANUFACTURER)[0], keep_last=True) == "Accepted"


class TestSettingsFile:
    """Roots that the installer gave count like installed ones, until they are deleted."""

    @pytest.fixture
    def file(self, tmp_path: Path) -> Path:
        (tmp_path / "roots.pem").write_text("# mine\n" + root("A").pem + "between\n" + root("B").pem + root("A").pem)
        return tmp_path / "roots.pem"

    def test_its_roots_count_and_are_listed(self, tmp_path: Path, file: Path) -> None:
        desk = Desk(tmp_path, central_system_root=str(file))
        assert desk.fingerprints() == [print_of(root("A")), print_of(root("B"))]
        assert desk.install(root("A"), length_max=2) == "Accepted: it is installed already"
        assert desk.install(root("C"), length_max=2).startswith("Rejected")
        assert len(named(desk)) == 2

    def test_a_deleted_one_does_not_come_back_and_the_file_stays_as_it_is(self, tmp_path: Path, file: Path) -> None:
        before = file.read_text()
        desk = Desk(tmp_path, central_system_root=str(file))
        assert delete(desk, named(desk)[0]) == "Accepted"
        again = Desk(tmp_path, central_system_root=str(file))
        assert again.fingerprints() == [print_of(root("B"))]
        assert file.read_text() == before
        assert again.install(root("A")) == "Accepted", "but it can be installed again"
        assert again.fingerprints() == [print_of(root("A")), print_of(root("B"))]

    def test_a_file_without_a_certificate_is_named(self, tmp_path: Path) -> None:
        (tmp_path / "empty.pem").write_text("nothing")
        desk = Desk(tmp_path, central_system_root=str(tmp_path / "empty.pem"))
        with pytest.raises(folder.FolderError, match=r"central_system_root .*empty\.pem cannot be used"):
            desk.fingerprints()
        assert desk.contents().central_system_roots == 0

    def test_damage_trusts_nobody(self, tmp_path: Path, file: Path) -> None:
        """Else damage could bring a deleted root back."""
        desk = Desk(tmp_path, central_system_root=str(file))
        delete(desk, named(desk)[0])
        desk.file(folder.ROOTS).write_text("{")
        with pytest.raises(folder.FolderError, match="is damaged"):
            desk.fingerprints()


@pytest.mark.section("security 2.6")
class TestAdditionalCheck:
    """AdditionalRootCertificateCheck: the new root is signed by the old one, replaces it, and the old one is fallback."""

    def test_a_root_that_the_old_one_did_not_sign(self, desk: Desk) -> None:
        desk.install(root("Old"), signed_by_old=True)
        said = desk.install(root("Stranger"), signed_by_old=True)
        assert said.startswith("Rejected: the certificate Stranger is signed by Stranger, which is no installed root")
        assert desk.fingerprints() == [print_of(root("Old"))]

    def test_the_new_one_replaces_and_the_old_one_is_fallback_until_it_is_proven(self, desk: Desk) -> None:
        old = root("Old")
        new = issue("New", by=old, ca=True)
        newest = issue("Newest", by=new, ca=True)
        desk.install(old)
        assert desk.install(new, signed_by_old=True) == "Accepted"
        assert [(one.fallback, one.fingerprint) for one in folder.roots(desk.places, CENTRAL)] == [
            (False, print_of(new)),
            (True, print_of(old)),
        ]
        assert desk.install(issue("Back", by=old, ca=True), signed_by_old=True).startswith("Rejected"), (
            "the fallback signs none"
        )
        assert desk.install(newest, signed_by_old=True) == "Accepted"
        assert desk.fingerprints() == [print_of(newest), print_of(new)], "there is one fallback"
        folder.drop_fallback(desk.places)
        assert desk.fingerprints() == [print_of(newest)]

    def test_the_settings_root_is_replaced_for_good(self, tmp_path: Path) -> None:
        old = root("Old")
        (tmp_path / "old.pem").write_text(old.pem)
        desk = Desk(tmp_path, central_system_root=str(tmp_path / "old.pem"))
        new = issue("New", by=old, ca=True)
        assert desk.install(new, signed_by_old=True) == "Accepted"
        assert desk.fingerprints() == [print_of(new), print_of(old)]
        folder.drop_fallback(desk.places)
        assert desk.fingerprints() == [print_of(new)]

    def test_the_fallback_is_in_force_again_where_the_new_one_is_deleted(self, desk: Desk) -> None:
        old = root("Old")
        desk.install(old)
        desk.install(issue("New", by=old, ca=True), signed_by_old=True)
        assert delete(desk, named(desk)[0]) == "Accepted"
        assert [(one.fallback, one.fingerprint) for one in folder.roots(desk.places, CENTRAL)] == [(False, print_of(old))]
