"""The station's own certificate: key and request made here, the chain checked before it takes effect, the old pair kept."""

import ssl
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

from chargepoint.core import vault_records as vr
from chargepoint.shell.vault import folder
from tests.vault.making import NOW, Desk, issue, signed

pytestmark = [pytest.mark.section("security 2.6"), pytest.mark.section("security A02")]

ROOT = issue("Root", ca=True)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    desk = Desk(tmp_path)
    assert desk.install(ROOT) == "Accepted"
    return desk


def request(desk: Desk, key_type: vr.KeyType = "P-256", name: str = "CP-1") -> str:
    answer = desk.ask(vr.MakeRequest(common_name=name, organization="ChargeKing", key_type=key_type))
    assert isinstance(answer, vr.RequestMade)
    assert answer.why == ""
    return answer.csr


def take(desk: Desk, pem: str, size_max: int = 10_000) -> vr.ChainTaken:
    answer = desk.ask(vr.TakeChain(pem=pem, size_max=size_max))
    assert isinstance(answer, vr.ChainTaken)
    return answer


@pytest.mark.section("tool TC_087")
@pytest.mark.parametrize("key_type", ["P-256", "RSA-2048", "RSA-3072"])
def test_a_request_names_the_station_and_proves_its_key(desk: Desk, key_type: vr.KeyType) -> None:
    csr = x509.load_pem_x509_csr(request(desk, key_type).encode())
    assert csr.is_signature_valid
    assert csr.subject.rfc4514_string() == "O=ChargeKing,CN=CP-1"
    public = csr.public_key()
    if isinstance(public, rsa.RSAPublicKey):
        assert f"RSA-{public.key_size}" == key_type
    else:
        assert isinstance(public, ec.EllipticCurvePublicKey)
        assert public.curve.name == "secp256r1"
    assert desk.file(folder.REQUEST).stat().st_mode & 0o777 == 0o600


def test_a_name_that_no_certificate_can_hold(desk: Desk) -> None:
    answer = desk.ask(vr.MakeRequest(common_name="x" * 65, organization=""))
    assert answer.csr == ""
    assert "name of the station" in answer.why
    assert not desk.file(folder.REQUEST).exists()


def test_a_good_chain_is_taken_beside_the_old_pair_and_takes_its_place_when_it_has_connected(desk: Desk) -> None:
    first = signed(request(desk), ROOT, ends=timedelta(days=30))
    assert take(desk, first.pem).accepted
    desk.promote()
    old = desk.file(folder.CLIENT).read_bytes()
    sub = issue("Sub", by=ROOT, ca=True)
    second = signed(request(desk), sub)
    assert desk.file(folder.CLIENT).read_bytes() == old, "a new key leaves the pair in use alone"
    assert take(desk, second.pem + sub.pem) == vr.ChainTaken(accepted=True)
    assert not desk.file(folder.REQUEST).exists()
    assert [(pair.new, Path(pair.certificate_file).name) for pair in folder.pairs(desk.places)] == [
        (True, "client-new.pem"),
        (False, "client.pem"),
    ]
    assert desk.file(folder.CLIENT).read_bytes() == old
    assert desk.contents().client_until_s == (NOW + timedelta(days=365)).timestamp()
    for pair in folder.pairs(desk.places):
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_cert_chain(pair.certificate_file)
    desk.promote()
    assert second.pem in desk.file(folder.CLIENT).read_text()
    assert not desk.file(folder.CLIENT_NEW).exists()
    assert desk.file(folder.CLIENT).stat().st_mode & 0o777 == 0o600


def test_a_pair_that_never_connects_is_given_up_and_the_old_one_stays(desk: Desk) -> None:
    assert take(desk, signed(request(desk), ROOT).pem).accepted
    desk.promote()
    old = desk.file(folder.CLIENT).read_bytes()
    assert take(desk, signed(request(desk), ROOT).pem).accepted
    folder.discard_new(desk.places)
    assert [pair.new for pair in folder.pairs(desk.places)] == [False]
    assert desk.file(folder.CLIENT).read_bytes() == old


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"name": "CP-2"}, "common name 'CP-2', asked for was 'CP-1'"),
        ({"organization": "Thief"}, "organization 'Thief', asked for was 'ChargeKing'"),
        ({"public": issue("other").certificate.public_key()}, "not for the key of the newest signing request"),
        ({"ends": timedelta(minutes=-1)}, "expired at"),
        ({"begins": timedelta(days=2)}, "is valid from"),
        ({"purposes": (ExtendedKeyUsageOID.SERVER_AUTH,)}, "not made for clients of TLS"),
    ],
)
def test_a_chain_that_is_wrong_is_refused_and_may_come_right_later(desk: Desk, changes: dict[str, object], why: str) -> None:
    csr = request(desk)
    answer = take(desk, signed(csr, ROOT, **changes).pem)
    assert not answer.accepted
    assert why in answer.why
    assert folder.pairs(desk.places) == ()
    assert take(desk, signed(csr, ROOT).pem).accepted


def test_chains_that_do_not_lead_to_an_installed_root(desk: Desk) -> None:
    csr = request(desk)
    stranger = issue("Stranger", ca=True)
    leafy = issue("Leafy", by=ROOT)
    short = issue("Short", by=ROOT, ca=True, path_length=0)
    below = issue("Below", by=short, ca=True)
    old = issue("Old sub", by=ROOT, ca=True, ends=timedelta(days=-1))
    for pem, why in (
        (signed(csr, stranger).pem + stranger.pem, "is signed by Stranger, which is no installed root"),
        (signed(csr, leafy).pem + leafy.pem, "Leafy is no certificate of an authority"),
        (signed(csr, below).pem + below.pem + short.pem, "Short may not stand so far from"),
        (signed(csr, old).pem + old.pem, "Old sub expired"),
        (signed(csr, issue("Root", ca=True, of="not the same key")).pem, "is no installed root"),
        ("", "no certificate in PEM"),
        (ROOT.pem * 7, "holds 7 certificates, at most 6"),
    ):
        answer = take(desk, pem)
        assert not answer.accepted
        assert why in answer.why


def test_a_chain_to_a_root_that_has_expired(desk: Desk) -> None:
    csr = request(desk)
    desk.now = NOW + timedelta(days=366)
    answer = take(desk, signed(csr, ROOT, ends=timedelta(days=900)).pem)
    assert "the certificate Root expired" in answer.why


def test_the_bound_of_a_chain(desk: Desk) -> None:
    pem = signed(request(desk), ROOT).pem
    assert "at most" in take(desk, pem, size_max=len(pem) - 1).why
    assert take(desk, pem, size_max=len(pem)).accepted


def test_a_chain_that_nobody_asked_for(desk: Desk) -> None:
    csr = request(desk)
    assert take(desk, signed(csr, ROOT).pem).accepted
    assert take(desk, signed(csr, ROOT).pem).why == "no signing request waits for a certificate"


def test_an_older_requests_chain_comes_too_late(desk: Desk) -> None:
    earlier = request(desk)
    request(desk)
    assert "newest signing request" in take(desk, signed(earlier, ROOT).pem).why


class TestSettingsPair:
    def test_the_settings_pair_counts_until_the_vault_has_its_own(self, tmp_path: Path) -> None:
        own = issue("CP-1", by=ROOT)
        (tmp_path / "own.pem").write_text(own.pem)
        (tmp_path / "own.key").write_text(own.key_pem)
        desk = Desk(tmp_path, client_certificate=str(tmp_path / "own.pem"), client_key=str(tmp_path / "own.key"))
        desk.install(ROOT)
        assert [pair.key_file for pair in folder.pairs(desk.places)] == [str(tmp_path / "own.key")]
        assert desk.contents().client_until_s == (NOW + timedelta(days=365)).timestamp()
        assert take(desk, signed(request(desk), ROOT).pem).accepted
        assert [pair.key_file for pair in folder.pairs(desk.places)] == [None, str(tmp_path / "own.key")]
        desk.promote()
        assert [pair.key_file for pair in folder.pairs(desk.places)] == [None]

    @pytest.mark.parametrize(
        ("certificate", "key", "problem"),
        [
            (issue("CP-1"), issue("CP-2"), "the station's key is not that of its certificate"),
            (issue("CP-1", ends=timedelta(hours=-1)), issue("CP-1"), "the station's certificate has expired"),
        ],
    )
    def test_a_pair_that_cannot_be_used_says_why(self, tmp_path: Path, certificate: object, key: object, problem: str) -> None:
        (tmp_path / "own.pem").write_text(certificate.pem)  # type: ignore[attr-defined]
        (tmp_path / "own.key").write_text(key.key_pem)  # type: ignore[attr-defined]
        desk = Desk(tmp_path, client_certificate=str(tmp_path / "own.pem"), client_key=str(tmp_path / "own.key"))
        assert desk.contents().client_problem == problem

    def test_files_that_are_gone(self, tmp_path: Path) -> None:
        desk = Desk(tmp_path, client_certificate=str(tmp_path / "no.pem"), client_key=str(tmp_path / "no.key"))
        assert "no.pem cannot be used: No such file" in desk.contents().client_problem
