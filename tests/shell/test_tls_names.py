"""Which server certificates the link takes, by name, authority and date; handshakes in memory, without a network."""

import ssl
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from chargepoint.shell import link_words
from chargepoint.shell.moment import Moment
from tests.shell.peers import trusting

pytestmark = pytest.mark.section("security A00")

HOST = "cs.example.org"
DAY_S = 86_400.0
UNSURE = Moment(at_s=time.time(), floor_s=time.time(), sure=False, told=True)  # nothing but the Central System told the time


def certificate(authority: trustme.CA, folder: Path, name: str, *, alternative: bool = False, begins_s: float = -DAY_S) -> str:
    """A server's key and certificate for a month, in one file. alternative: the name is not in the subject alone."""
    root = x509.load_pem_x509_certificate(authority.cert_pem.bytes())
    signer = serialization.load_pem_private_key(authority.private_key_pem.bytes(), None)
    assert isinstance(signer, ec.EllipticCurvePrivateKey)
    key = ec.generate_private_key(ec.SECP256R1())
    begins = datetime.now(UTC) + timedelta(seconds=begins_s)
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(root.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(begins + timedelta(days=30))
    )
    if alternative:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
    form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    path = folder / "server.pem"
    path.write_bytes(key.private_bytes(*form) + builder.sign(signer, hashes.SHA256()).public_bytes(form[0]))
    return str(path)


def shake(context: ssl.SSLContext, server_file: str) -> ssl.SSLObject:
    """A handshake with HOST to its end; raises what the station's side raises."""
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(server_file)
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = context.wrap_bio(to_client, to_server, server_hostname=HOST)
    server = serving.wrap_bio(to_server, to_client, server_side=True)
    for side in (client, server, client, server):
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:
            continue
    return client


@pytest.mark.section("tool TC_078")
@pytest.mark.parametrize("at", [None, UNSURE])
@pytest.mark.parametrize(
    ("name", "alternative", "begins_s", "stranger", "words"),
    [
        (HOST, True, -31 * DAY_S, False, "expired"),
        (HOST, True, DAY_S - 60.0, False, "not valid yet"),
        (HOST, True, -DAY_S, True, "is not trusted"),
        ("other.example.org", False, -DAY_S, False, "is for another name"),
        ("*.example.org", False, -DAY_S, False, "AllowCentralSystemTLSWildcards"),
        ("*.example.org", True, -DAY_S, False, "AllowCentralSystemTLSWildcards"),
    ],
)
def test_what_the_tool_shows_is_refused_and_an_event(
    authority: trustme.CA, root: str, tmp_path: Path, at: Moment | None, name: str, alternative: bool, begins_s: float,
    stranger: bool, words: str,
) -> None:  # fmt: skip
    signer = trustme.CA() if stranger else authority
    file = certificate(signer, tmp_path, name, alternative=alternative, begins_s=begins_s)
    context, _ = trusting("/nonexistent", at, central_system_root=root).context(2)
    with pytest.raises(ssl.SSLError) as refused:
        shake(context, file)
    assert link_words.trouble(refused.value) == "server_certificate"
    said = link_words.failure(refused.value, f"wss://{HOST}/CP1", 1.0)
    assert words in said or (at is not None and "clock wrong" in said), said


@pytest.mark.section("tool TC_086")
@pytest.mark.parametrize("alternative", [False, True])
def test_the_name_may_stand_in_the_subject_alone(authority: trustme.CA, root: str, tmp_path: Path, alternative: bool) -> None:
    context, _ = trusting(central_system_root=root).context(2)
    assert shake(context, certificate(authority, tmp_path, HOST, alternative=alternative)).version() == "TLSv1.3"


@pytest.mark.parametrize(("profile", "allowed"), [(0, False), (1, False), (2, True), (3, True)])
def test_a_wildcard_counts_where_it_is_allowed_and_where_no_profile_asks_for_tls(
    authority: trustme.CA, root: str, tmp_path: Path, profile: int, allowed: bool
) -> None:
    authority.issue_cert("station").private_key_and_cert_chain_pem.write_to_path(tmp_path / "own.pem")
    own = str(tmp_path / "own.pem")
    trust = trusting(central_system_root=root, client_certificate=own, client_key=own)
    context, _ = trust.context(profile, allowed)
    assert shake(context, certificate(authority, tmp_path, "*.example.org", alternative=True)).version()


@pytest.mark.section("tool TC_086")
@pytest.mark.section("tool TC_087")
@pytest.mark.parametrize("profile", [2, 3])
def test_the_first_word_offers_the_suites_that_the_tool_asks_for_and_nothing_old(
    authority: trustme.CA, root: str, tmp_path: Path, profile: int
) -> None:
    authority.issue_cert("station").private_key_and_cert_chain_pem.write_to_path(tmp_path / "own.pem")
    own = str(tmp_path / "own.pem")
    context, _ = trusting(central_system_root=root, client_certificate=own, client_key=own).context(profile)
    sent = ssl.MemoryBIO()
    client = context.wrap_bio(ssl.MemoryBIO(), sent, server_hostname=HOST)
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    hello = sent.read()
    at = 5 + 4 + 2 + 32  # record, message, version and random lie before the session's number
    at += 1 + hello[at]
    length = int.from_bytes(hello[at : at + 2])
    suites = {int.from_bytes(hello[one : one + 2]) for one in range(at + 2, at + 2 + length, 2)}
    tls_1_3, renegotiation = {0x1301, 0x1302, 0x1303}, {0x00FF}
    assert suites - tls_1_3 - renegotiation == {0xC02B, 0xC02C, 0xC02F, 0xC030, 0x009C, 0x009D}
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2
