"""Who is let in: Basic authentication, known identities, TLS with and without client certificates."""

import ssl
from pathlib import Path

import pytest
import trustme
from websockets.exceptions import InvalidMessage, InvalidStatus

from hil.csms import CentralSystem, Settings, server_tls
from hil.csms.desk import IdTag, read_id, read_password
from tests.csms.fake_station import IDENTITY, fake_station

KEY = bytes.fromhex("00ff3a0d0a80e28280")  # with a NUL, a colon, a line end and what is no UTF-8


async def refused(url: str, identity: str = IDENTITY, password: bytes | None = None) -> int:
    with pytest.raises(InvalidStatus) as caught:
        async with fake_station(url, identity, password):
            pytest.fail("it was let in")
    return caught.value.response.status_code


@pytest.mark.parametrize("password", [KEY, b"plain text", b""])
async def test_the_right_password_of_any_bytes_is_let_in(password: bytes) -> None:
    async with CentralSystem(settings=Settings(password=password)) as cs:
        async with fake_station(cs.url, password=password) as station:
            await station.ask("Heartbeat")
        assert await refused(cs.url) == 401
        assert await refused(cs.url, password=password + b"x") == 401
        assert cs.refusals == 2


async def test_a_password_of_one_station_and_the_identity_of_another() -> None:
    async with CentralSystem(settings=Settings(passwords={IDENTITY: KEY})) as cs:
        assert await refused(cs.url) == 401
        async with fake_station(cs.url, "CK_OPEN"):
            await cs.station("CK_OPEN")


async def test_an_accepted_authorization_key_counts_from_then_on() -> None:
    async with CentralSystem(settings=Settings(password=KEY)) as cs:
        async with fake_station(cs.url, password=KEY) as station:
            there = await cs.station(IDENTITY)
            station.answers["ChangeConfiguration"] = {"status": "Rejected"}
            await there.call("ChangeConfiguration", {"key": "AuthorizationKey", "value": "11" * 16})
            station.answers["ChangeConfiguration"] = {"status": "Accepted"}
            assert cs.settings.password_of(IDENTITY) == KEY
            await there.call("ChangeConfiguration", {"key": "AuthorizationKey", "value": "22" * 16})
        assert await refused(cs.url, password=KEY) == 401
        async with fake_station(cs.url, password=b"\x22" * 16) as station:
            await station.ask("Heartbeat")


async def test_identities_with_any_characters_and_unknown_ones() -> None:
    async with CentralSystem(settings=Settings(identities=frozenset({"Säule 1/2"}))) as cs:
        async with fake_station(cs.url, "S%C3%A4ule%201%2F2"):
            assert (await cs.station("Säule 1/2")).connected
        assert await refused(cs.url, "CK_UNKNOWN") == 404
        assert await refused(cs.url, "") == 404


async def test_tls_with_a_client_certificate(tmp_path: Path) -> None:
    ca, stations = trustme.CA(), trustme.CA()
    server = ca.issue_cert("127.0.0.1")
    cert, key, clients = tmp_path / "cert.pem", tmp_path / "key.pem", tmp_path / "clients.pem"
    server.private_key_and_cert_chain_pem.write_to_path(str(cert))
    server.private_key_pem.write_to_path(str(key))
    stations.cert_pem.write_to_path(str(clients))
    trusting = ssl.create_default_context()
    ca.configure_trust(trusting)
    async with CentralSystem(tls=server_tls(cert, key)) as cs:
        assert cs.url.startswith("wss://127.0.0.1:")
        async with fake_station(cs.url, ssl=trusting) as station:
            await station.ask("Heartbeat")
            there = await cs.station(IDENTITY)
            there.freeze()
            await station.post("Heartbeat")
            with pytest.raises(TimeoutError):
                await station.next(0.1)
            await cs.go_offline()
            assert await station.next() is None
        with pytest.raises(ConnectionRefusedError):
            async with fake_station(cs.url, ssl=trusting):
                pytest.fail("it was let in")
    async with CentralSystem(tls=server_tls(cert, key, clients)) as cs:
        with pytest.raises((ssl.SSLError, ConnectionError, InvalidMessage)):
            async with fake_station(cs.url, ssl=trusting) as station:
                await station.ask("Heartbeat")
        stations.issue_cert(common_name=IDENTITY).configure_cert(trusting)
        async with fake_station(cs.url, ssl=trusting) as station:
            await station.ask("Heartbeat")


async def test_tls_of_one_version_or_suite_only(tmp_path: Path) -> None:
    ca, cert = trustme.CA(), tmp_path / "cert.pem"
    ca.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(cert))
    trusting = ssl.create_default_context()
    ca.configure_trust(trusting)
    for tls, words in (
        (server_tls(cert, cert, version="1.3"), "TLSv1.3"),
        (server_tls(cert, cert, version="1.2", ciphers="ECDHE-ECDSA-AES128-SHA256"), "ECDHE-ECDSA-AES128-SHA256"),
    ):
        async with CentralSystem(tls=tls) as cs, fake_station(cs.url, ssl=trusting) as station:
            await station.ask("Heartbeat")
            assert words in station.socket.transport.get_extra_info("cipher")
    old = server_tls(cert, cert, version="1.1")
    assert (old.minimum_version, old.maximum_version) == (ssl.TLSVersion.TLSv1_1, ssl.TLSVersion.TLSv1_1)


def test_passwords_and_id_tags_from_the_command_line() -> None:
    assert read_password("00" * 16) == bytes(16)
    assert read_password("text:" + "00" * 16) == b"00" * 16
    assert read_password("hex:0aff") == b"\x0a\xff"
    assert read_password("secret") == b"secret"
    with pytest.raises(ValueError, match="even number of hexadecimal digits"):
        read_password("hex:0")
    settings = Settings()
    settings.set_id(**read_id("ABC=Blocked,parent=P,expiry=2030-01-01T00:00:00Z"))
    assert settings.id_tags == {"abc": IdTag("Blocked", "2030-01-01T00:00:00Z", "P")}
    for text, wrong in {
        "ABC": "TAG=STATUS",
        "ABC=Fine": "'Fine' is none of Accepted",
        "A=Accepted,x=1": "'x=1'",
        f"{'x' * 21}=Accepted": "1 to 20 characters",
        "A=Accepted,expiry=soon": "'soon' is no time stamp",
    }.items():
        with pytest.raises(ValueError, match=wrong):
            settings.set_id(**read_id(text))
