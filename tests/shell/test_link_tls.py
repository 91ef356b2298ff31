"""The link over TLS: whom it trusts, how it proves itself, and what it says where either fails."""

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme

from chargepoint.core.events import LinkUp
from tests.shell.peers import address, linked, peer

NOW = datetime.now(UTC)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def root(authority: trustme.CA, tmp_path: Path) -> str:
    authority.cert_pem.write_to_path(tmp_path / "root.pem")
    return str(tmp_path / "root.pem")


def server_context(authority: trustme.CA, name: str = "127.0.0.1", not_after: datetime | None = None) -> ssl.SSLContext:
    not_before = None if not_after is None else not_after - timedelta(days=1)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name, not_after=not_after, not_before=not_before).configure_cert(context)
    return context


async def test_wss_with_the_operators_root(authority: trustme.CA, root: str) -> None:
    async with (
        peer(tls=server_context(authority)) as there,
        linked(address(there.port, url=f"wss://127.0.0.1:{there.port}/ocpp", root_file=root)) as link,
    ):
        await link.up()


@pytest.mark.section("security 2.4")
async def test_profile_2_means_tls_whatever_the_url_says(authority: trustme.CA, root: str) -> None:
    async with (
        peer(tls=server_context(authority)) as there,
        linked(address(there.port, security_profile=2, root_file=root), "AA") as link,
    ):
        await link.up()
        assert link.of(LinkUp)[0].url.startswith("wss://")


async def test_a_root_that_is_not_trusted(authority: trustme.CA) -> None:
    async with peer(tls=server_context(authority)) as there, linked(address(there.port, security_profile=2)) as link:
        reason = await link.down(2)
        assert reason.startswith("TLS certificate: that of 127.0.0.1")
        assert "central_system_root" in reason


async def test_a_certificate_for_another_host(authority: trustme.CA, root: str) -> None:
    async with (
        peer(tls=server_context(authority, "other.example.org")) as there,
        linked(address(there.port, security_profile=2, root_file=root)) as link,
    ):
        assert (await link.down(2)).startswith("TLS certificate: that of 127.0.0.1")


@pytest.mark.parametrize("not_after", [NOW - timedelta(days=3), NOW + timedelta(days=900)])
async def test_a_certificate_out_of_its_time_points_at_the_clock(authority: trustme.CA, root: str, not_after: datetime) -> None:
    async with (
        peer(tls=server_context(authority, not_after=not_after)) as there,
        linked(address(there.port, security_profile=2, root_file=root)) as link,
    ):
        reason = await link.down(2)
        assert reason.startswith("TLS certificate or clock:")
        assert "date" in reason


async def test_a_server_without_tls_on_that_port(root: str) -> None:
    async with peer() as there, linked(address(there.port, security_profile=2, root_file=root)) as link:
        assert "no TLS there (ws://)?" in await link.down(2)


@pytest.mark.section("security 2.5")
async def test_profile_3_shows_the_stations_certificate(authority: trustme.CA, root: str, tmp_path: Path) -> None:
    own = authority.issue_cert("cp-1")
    own.private_key_and_cert_chain_pem.write_to_path(tmp_path / "own.pem")
    context = server_context(authority)
    context.verify_mode = ssl.CERT_REQUIRED
    authority.configure_trust(context)
    files = {"certificate_file": str(tmp_path / "own.pem"), "key_file": str(tmp_path / "own.pem")}
    async with peer(tls=context) as there, linked(address(there.port, security_profile=3, root_file=root, **files)) as link:
        await link.up()
        shown = there.connections[0].transport.get_extra_info("peercert")
        assert ("DNS", "cp-1") in shown["subjectAltName"]


async def test_a_server_that_wants_a_certificate_and_gets_none(authority: trustme.CA, root: str) -> None:
    context = server_context(authority)
    context.verify_mode = ssl.CERT_REQUIRED
    authority.configure_trust(context)
    async with peer(tls=context) as there, linked(address(there.port, security_profile=2, root_file=root)) as link:
        assert (await link.down(2)).startswith(("TLS", "TCP", "HTTP"))
        assert link.of(LinkUp) == []


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"security_profile": 2, "root_file": "/no/such/root.pem"}, "central_system_root /no/such/root.pem cannot be used"),
        ({"security_profile": 3}, "profile 3 needs [security] client_certificate"),
        (
            {"security_profile": 3, "certificate_file": "/no/cert.pem", "key_file": "/no/key.pem"},
            "client_certificate /no/cert.pem and client_key /no/key.pem cannot be used",
        ),
    ],
)
async def test_files_that_cannot_be_used_are_named_and_tried_again(changes: dict[str, object], words: str) -> None:
    async with linked(address(1, **changes)) as link:
        assert words in await link.down(2)


async def test_a_root_file_that_appears_later_is_taken(authority: trustme.CA, tmp_path: Path) -> None:
    late = tmp_path / "late.pem"
    async with (
        peer(tls=server_context(authority)) as there,
        linked(address(there.port, security_profile=2, root_file=str(late))) as link,
    ):
        await link.down()
        authority.cert_pem.write_to_path(late)
        await link.up()
