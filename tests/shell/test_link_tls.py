"""The link over TLS: whom it trusts, how it proves itself, and what it says where either fails. Servers are real ones."""

import asyncio
import shutil
import ssl
import warnings
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
import trustme

from chargepoint.core.events import LinkDown, LinkUp
from chargepoint.messages import CertificateUse
from chargepoint.shell.vault import folder
from tests.shell.authorities import mutual, pair_of, server_context
from tests.shell.peers import Listener, address, echo, linked, peer, tls_peer, trusting

pytestmark = [pytest.mark.section("security A00"), pytest.mark.section("J 6.2")]

NOW = datetime.now(UTC)
CENTRAL = CertificateUse.CentralSystemRootCertificate


@pytest.fixture(scope="module")
def rsa_authority() -> trustme.CA:
    return trustme.CA(key_type=trustme.KeyType.RSA)


def trouble(link: Listener) -> str | None:
    found: str | None = link.of(LinkDown)[-1].trouble
    return found


class TestTheServer:
    async def test_wss_with_the_operators_root(self, authority: trustme.CA, root: str) -> None:
        async with (
            peer(tls=server_context(authority)) as there,
            linked(
                address(there.port, url=f"wss://127.0.0.1:{there.port}/ocpp"), "", trusting(central_system_root=root)
            ) as link,
        ):
            await link.up()

    @pytest.mark.section("security 2.4")
    @pytest.mark.section("tool TC_086")
    async def test_profile_2_means_tls_and_password_whatever_the_url_says(self, authority: trustme.CA, root: str) -> None:
        trust = trusting(central_system_root=root)
        async with (
            peer(tls=server_context(authority)) as there,
            linked(address(there.port, security_profile=2), "AA", trust) as link,
        ):
            await link.up()
            up = link.of(LinkUp)[0]
            assert (up.url.startswith("wss://"), up.profile) == (True, 2)
            assert there.requests[0].headers["Authorization"].startswith("Basic ")

    @pytest.mark.section("security 2.3")
    async def test_profile_1_sends_the_password_without_tls(self) -> None:
        async with peer() as there, linked(address(there.port, security_profile=1), "AA") as link:
            await link.up()
            assert there.requests[0].headers["Authorization"].startswith("Basic ")

    async def test_a_root_that_is_not_installed(self, authority: trustme.CA, tmp_path: Path) -> None:
        trustme.CA().cert_pem.write_to_path(tmp_path / "other.pem")
        trust = trusting(central_system_root=str(tmp_path / "other.pem"))
        async with (
            peer(tls=server_context(authority)) as there,
            linked(address(there.port, security_profile=2), "AA", trust) as link,
        ):
            reason = await link.down(2)
            assert reason.startswith("TLS certificate: that of 127.0.0.1")
            assert "central_system_root" in reason
            assert trouble(link) == "server_certificate"
            assert there.requests == [], "the password was told to nobody"

    async def test_without_a_root_profile_2_trusts_nobody_not_even_the_systems_authorities(self, authority: trustme.CA) -> None:
        async with peer(tls=server_context(authority)) as there, linked(address(there.port, security_profile=2)) as link:
            assert "security profile 2 needs a Central System root certificate" in await link.down(2)
            assert there.requests == []

    @pytest.mark.section("security M04")
    @pytest.mark.parametrize("profile", [0, 2])
    async def test_with_a_root_the_systems_authorities_count_for_nothing(
        self, root: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, profile: int
    ) -> None:
        public = trustme.CA()
        public.cert_pem.write_to_path(tmp_path / "public.pem")
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "public.pem"))
        async with peer(tls=server_context(public)) as there:
            where = address(there.port, url=f"wss://127.0.0.1:{there.port}/ocpp", security_profile=profile)
            async with linked(where, "AA", trusting(central_system_root=root)) as link:
                assert "is not trusted" in await link.down(1)
            if profile == 0:
                async with linked(where, "AA", trusting()) as link:
                    await link.up()

    async def test_a_root_that_is_deleted_is_trusted_no_more_without_a_restart(
        self, authority: trustme.CA, root: str, tmp_path: Path
    ) -> None:
        other = trustme.CA().cert_pem.bytes().decode()
        places = folder.Places(folder=str(tmp_path / "certificates"), central_system_root=root)
        folder.keep(places, folder.Kept(central_system=(folder.Root(pem=other),)))
        trust = trusting(places.folder, central_system_root=root)
        async with (
            peer(tls=server_context(authority)) as there,
            linked(address(there.port, security_profile=2), "AA", trust) as link,
        ):
            await link.up()
            kept = folder.kept(places)
            (gone,) = folder.of_settings(places, CENTRAL)
            folder.keep(places, folder.without_settings(places, kept, {gone.fingerprint}))
            link.link.close("tried again")
            assert (await link.down(2)).startswith("TLS certificate: that of 127.0.0.1")
            assert len(link.of(LinkUp)) == 1

    async def test_a_certificate_for_another_host(self, authority: trustme.CA, root: str) -> None:
        trust = trusting(central_system_root=root)
        async with (
            peer(tls=server_context(authority, "other.example.org")) as there,
            linked(address(there.port, security_profile=2), "AA", trust) as link,
        ):
            assert (await link.down(2)).startswith("TLS certificate: that of 127.0.0.1")
            assert trouble(link) == "server_certificate"

    async def test_the_name_of_the_host_is_sent_and_checked(self, authority: trustme.CA, root: str) -> None:
        context = server_context(authority, "localhost")
        names: list[str | None] = []
        context.sni_callback = lambda connection, name, inner: names.append(name)
        trust = trusting(central_system_root=root)
        async with peer(tls=context) as there:
            there_url = f"ws://localhost:{there.port}/ocpp"
            async with linked(address(there.port, url=there_url, security_profile=2), "AA", trust) as link:
                await link.up()
        assert names == ["localhost"]

    @pytest.mark.parametrize(
        ("not_after", "words"),
        [
            (NOW - timedelta(days=3), "has expired, and the clock is synchronised"),
            (NOW + timedelta(days=900), "is not valid yet, and the clock is synchronised"),
        ],
    )
    async def test_a_certificate_out_of_its_time(
        self, authority: trustme.CA, root: str, not_after: datetime, words: str
    ) -> None:
        trust = trusting(central_system_root=root)
        async with (
            peer(tls=server_context(authority, not_after=not_after)) as there,
            linked(address(there.port, security_profile=2), "AA", trust) as link,
        ):
            assert words in await link.down(2)
            assert trouble(link) == "server_certificate"
            assert there.requests == []

    async def test_a_server_without_tls_on_that_port(self, root: str) -> None:
        async with (
            peer() as there,
            linked(address(there.port, security_profile=2), "AA", trusting(central_system_root=root)) as link,
        ):
            assert "no TLS there (ws://)?" in await link.down(2)
            assert trouble(link) is None

    async def test_a_password_that_is_refused(self, authority: trustme.CA, root: str) -> None:

        async with peer(tls=server_context(authority)) as there:
            there.status = HTTPStatus.UNAUTHORIZED
            async with linked(address(there.port, security_profile=2), "AA", trusting(central_system_root=root)) as link:
                assert "refuses identity or AuthorizationKey" in await link.down(1)
                assert trouble(link) == "password"

    async def test_an_installed_intermediate_is_a_root_like_others(self, authority: trustme.CA, tmp_path: Path) -> None:
        """A cross-signed root is one: who signed it does not matter here."""
        between = authority.create_child_ca()
        between.cert_pem.write_to_path(tmp_path / "between.pem")
        trust = trusting(central_system_root=str(tmp_path / "between.pem"))
        async with (
            peer(tls=server_context(between)) as there,
            linked(address(there.port, security_profile=2), "AA", trust) as link,
        ):
            await link.up()


class TestVersionsAndSuites:
    @pytest.mark.parametrize(
        "suite",
        [
            "ECDHE-ECDSA-AES128-GCM-SHA256",
            "ECDHE-ECDSA-AES256-GCM-SHA384",
            "ECDHE-RSA-AES128-GCM-SHA256",
            "ECDHE-RSA-AES256-GCM-SHA384",
            "AES128-GCM-SHA256",
            "AES256-GCM-SHA384",
            "TLS 1.3",
        ],
    )
    async def test_what_the_white_paper_lists_is_spoken(
        self, authority: trustme.CA, rsa_authority: trustme.CA, tmp_path: Path, suite: str
    ) -> None:
        by = authority if "ECDSA" in suite or suite == "TLS 1.3" else rsa_authority
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        kind = trustme.KeyType.ECDSA if by is authority else trustme.KeyType.RSA
        by.issue_cert("127.0.0.1", key_type=kind).configure_cert(context)
        if suite != "TLS 1.3":
            context.maximum_version = ssl.TLSVersion.TLSv1_2
            context.set_ciphers(suite)
        by.cert_pem.write_to_path(tmp_path / "root.pem")
        trust = trusting(central_system_root=str(tmp_path / "root.pem"))
        async with peer(tls=context) as there, linked(address(there.port, security_profile=2), "AA", trust) as link:
            await link.up()
            name, version, _ = there.connections[0].transport.get_extra_info("cipher")
            assert version == "TLSv1.3" if suite == "TLS 1.3" else name == suite

    @pytest.mark.parametrize("suite", ["ECDHE-ECDSA-AES128-SHA256", "ECDHE-ECDSA-CHACHA20-POLY1305", "ECDHE-ECDSA-AES128-SHA"])
    async def test_other_suites_are_refused(self, authority: trustme.CA, root: str, suite: str) -> None:
        context = server_context(authority)
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers(suite)
        trust = trusting(central_system_root=root)
        with tls_peer(context) as port:
            async with linked(address(port, security_profile=2), "AA", trust) as link:
                assert (await link.down(2)).startswith("TLS: no secure connection")
                assert trouble(link) == "cipher_suite"

    async def test_tls_1_1_is_refused(self, authority: trustme.CA, root: str) -> None:
        context = server_context(authority)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
        context.set_ciphers("ALL:@SECLEVEL=0")
        trust = trusting(central_system_root=root)
        with tls_peer(context) as port:
            async with linked(address(port, security_profile=2), "AA", trust) as link:
                assert (await link.down(2)).startswith("TLS: no secure connection")
                assert trouble(link) == "tls_version"

    @pytest.mark.section("security 2.4")
    async def test_a_server_that_redirects_out_of_tls_is_not_followed(self, authority: trustme.CA, root: str) -> None:
        trust = trusting(central_system_root=root)
        async with (
            peer() as plain,
            peer(tls=server_context(authority)) as there,
        ):
            there.moved_to = f"ws://127.0.0.1:{plain.port}/ocpp/CP001"
            async with linked(address(there.port, security_profile=2), "AA", trust) as link:
                await link.down(2)
                assert not link.of(LinkUp)
            assert (there.connects >= 2, plain.connects) == (True, 0)

    @pytest.mark.section("security 2.4")
    async def test_a_server_that_wants_to_renegotiate_gets_no_second_handshake(
        self, authority: trustme.CA, root: str, tmp_path: Path
    ) -> None:
        authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(tmp_path / "server.pem")
        if shutil.which("openssl") is None:
            pytest.skip("no openssl: install the package openssl")
        server = await asyncio.create_subprocess_exec(
            *("openssl", "s_server", "-accept", "127.0.0.1:0", "-cert", str(tmp_path / "server.pem"), "-tls1_2"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        assert server.stdin is not None
        assert server.stdout is not None
        try:
            async with asyncio.timeout(10):
                while not (line := await server.stdout.readline()).startswith(b"ACCEPT"):
                    assert line
                context, _ = trusting(central_system_root=root).context(2)
                port = int(line.rpartition(b":")[2])
                reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
                server.stdin.write(b"R\n")  # its word for renegotiation
                with pytest.raises(ssl.SSLError, match="HANDSHAKE_FAILURE"):
                    await reader.read(1)
                writer.transport.abort()
        finally:
            server.kill()
            await server.wait()

    async def test_no_session_is_resumed(self, authority: trustme.CA, root: str) -> None:
        trust = trusting(central_system_root=root)
        async with (
            peer(echo, tls=server_context(authority)) as there,
            linked(address(there.port, security_profile=2), "AA", trust) as link,
        ):
            await link.up(1)
            link.link.send("x")  # what comes back brings the server's tickets
            await link.frames(1)
            link.link.close("once more")
            await link.up(2)
            reused = [one.transport.get_extra_info("ssl_object").session_reused for one in there.connections]
            assert reused == [False, False]


@pytest.mark.section("security 2.5")
class TestTheStation:
    @pytest.mark.section("tool TC_087")
    async def test_profile_3_shows_the_stations_certificate_and_no_password(
        self, authority: trustme.CA, root: str, tmp_path: Path
    ) -> None:
        trust = trusting(central_system_root=root, **pair_of(authority, tmp_path / "own.pem"))
        async with peer(tls=mutual(authority)) as there, linked(address(there.port, security_profile=3), "AA", trust) as link:
            await link.up()
            shown = there.connections[0].transport.get_extra_info("peercert")
            assert ("DNS", "cp-1") in shown["subjectAltName"]
            assert "Authorization" not in there.requests[0].headers

    async def test_without_a_certificate_profile_3_does_not_even_try(self, authority: trustme.CA, root: str) -> None:
        async with (
            peer(tls=mutual(authority)) as there,
            linked(address(there.port, security_profile=3), "AA", trusting(central_system_root=root)) as link,
        ):
            assert "security profile 3 needs a certificate of the station" in await link.down(2)
            assert there.requests == []

    @pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
    async def test_a_server_that_wants_a_certificate_and_gets_none(
        self, authority: trustme.CA, root: str, version: ssl.TLSVersion
    ) -> None:
        context = mutual(authority)
        context.maximum_version = version
        with tls_peer(context) as port:
            async with linked(address(port, security_profile=2), "AA", trusting(central_system_root=root)) as link:
                reason = await link.down(3)
                if version is ssl.TLSVersion.TLSv1_2:  # where the server's alert may mean a suite as well
                    assert "or it wants a certificate of this station" in reason
                else:
                    assert "refuses this station's" in reason
                    assert trouble(link) == "own_certificate"
                assert link.of(LinkUp) == []

    @pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
    async def test_a_certificate_of_somebody_elses_authority(
        self, authority: trustme.CA, root: str, tmp_path: Path, version: ssl.TLSVersion
    ) -> None:
        context = mutual(authority)
        context.maximum_version = version
        trust = trusting(central_system_root=root, **pair_of(trustme.CA(), tmp_path / "own.pem"))
        with tls_peer(context) as port:
            async with linked(address(port, security_profile=3), "", trust) as link:
                reason = await link.down(3)
                assert "refuses this station's" in reason, reason
                assert trouble(link) == "own_certificate"

    @pytest.mark.parametrize(
        ("profile", "files", "words"),
        [
            (2, {"central_system_root": "/no/such/root.pem"}, "central_system_root /no/such/root.pem cannot be used"),
            (
                3,
                {"client_certificate": "/no/cert.pem", "client_key": "/no/key.pem"},
                "client_certificate /no/cert.pem and client_key /no/key.pem cannot be used",
            ),
        ],
    )
    async def test_files_that_cannot_be_used_are_named_and_tried_again(
        self, root: str, profile: int, files: dict[str, Any], words: str
    ) -> None:
        trust = trusting(**{"central_system_root": root, **files})
        async with linked(address(1, security_profile=profile), "AA", trust) as link:
            assert words in await link.down(2)

    async def test_a_root_file_that_appears_later_is_taken(self, authority: trustme.CA, tmp_path: Path) -> None:
        late = tmp_path / "late.pem"
        async with (
            peer(tls=server_context(authority)) as there,
            linked(address(there.port, security_profile=2), "AA", trusting(central_system_root=str(late))) as link,
        ):
            await link.down()
            authority.cert_pem.write_to_path(late)
            await link.up()


class TestRaising:
    @pytest.mark.section("security A05")
    async def test_another_profile_is_used_at_once(self, authority: trustme.CA, root: str) -> None:
        async with (
            peer() as plain,
            linked(address(plain.port, reconnect_min_s=30.0), "AA", trusting(central_system_root=root)) as link,
        ):
            await link.up()
            link.link.set_profile(0)
            assert link.of(LinkDown) == [], "the same one changes nothing"
            link.link.set_profile(2)
            await link.down(2)
            first, second = link.of(LinkDown)[:2]
            assert (first.profile, first.reason) == (0, "security profile 2 is used")
            assert second.profile == 2
            assert "no TLS there" in second.reason
