"""Certificates and a clock that nobody has set: most Pis have no battery behind it, and must reach their Central System."""

import ipaddress
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme
from cryptography import x509

from chargepoint.core.events import LinkDown
from chargepoint.core.step import Now
from chargepoint.shell import link as links
from chargepoint.shell.moment import AHEAD_S, RELEASED_S, SLACK_S, Moment, moment
from chargepoint.shell.tls import Trust
from chargepoint.shell.vault.folder import Places
from tests.shell.fakes import until
from tests.shell.peers import address, linked, peer, trusting
from tests.vault.making import NOW, issue

pytestmark = pytest.mark.section("security A00")

TODAY = datetime.now(UTC)
YEAR_S = 365 * 86_400.0


class TestTheBestKnownTime:
    """system: what the machine's clock says. 1 March 2027 is long after the release."""

    MARCH_S = datetime(2027, 3, 1, tzinfo=UTC).timestamp()

    def test_a_synchronised_clock_is_the_truth_whatever_was_believed_before(self) -> None:
        now = moment(Now(5.0, self.MARCH_S), self.MARCH_S + 9 * YEAR_S, True, lambda: 0.0)
        assert now == Moment(at_s=self.MARCH_S, floor_s=self.MARCH_S, sure=True, told=True)

    def test_a_clock_of_1970_means_the_last_time_that_was_known(self) -> None:
        now = moment(Now(5.0), self.MARCH_S, False, lambda: 5.0)
        assert (now.at_s, now.floor_s, now.sure, now.told) == (self.MARCH_S, self.MARCH_S, False, False)

    def test_a_new_station_knows_the_date_of_its_release(self) -> None:
        assert moment(Now(5.0), None, False, lambda: 5.0).at_s == RELEASED_S

    def test_a_clock_that_is_ahead_counts_but_is_not_certain(self) -> None:
        now = moment(Now(5.0), self.MARCH_S, False, lambda: self.MARCH_S + 100)
        assert (now.at_s, now.floor_s) == (self.MARCH_S + 100, self.MARCH_S)

    def test_a_clock_after_2100_is_no_clock(self) -> None:
        assert moment(Now(5.0), self.MARCH_S, False, lambda: self.MARCH_S + 100 * YEAR_S).at_s == self.MARCH_S

    def test_what_was_told_in_this_boot_beats_a_clock_that_nobody_set(self) -> None:
        now = moment(Now(5.0), self.MARCH_S, True, lambda: self.MARCH_S + 9 * YEAR_S)
        assert (now.at_s, now.told) == (self.MARCH_S, True)

    def test_the_release_is_not_in_the_future(self) -> None:
        assert TODAY.timestamp() >= RELEASED_S


def unsure(at: datetime, *, told: bool = False, floor: datetime | None = None) -> Moment:
    return Moment(at_s=at.timestamp(), floor_s=(floor or at).timestamp(), sure=False, told=told)


def serving(authority: trustme.CA, begins: datetime, ends: datetime) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1", not_before=begins, not_after=ends).configure_cert(context)
    return context


DAY, MONTH = timedelta(days=1), timedelta(days=30)


@pytest.mark.parametrize(
    ("believed", "what"),
    [
        (unsure(TODAY - timedelta(days=400)), "a clock that stood still for a year, and a certificate of 90 days"),
        (unsure(TODAY), "a clock that is right, though nobody vouches for it"),
        (
            unsure(TODAY - MONTH - timedelta(hours=12), told=True),
            "the Central System is half a day behind its authority",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_a_clock_that_is_behind_does_not_keep_a_station_from_its_central_system(
    authority: trustme.CA, root: str, believed: Moment, what: str
) -> None:
    async with (
        peer(tls=serving(authority, TODAY - MONTH, TODAY + 2 * MONTH)) as there,
        linked(address(there.port, security_profile=2), "AA", trusting("/none", believed, central_system_root=root)) as link,
    ):
        await link.up()


@pytest.mark.parametrize(
    ("believed", "words"),
    [
        (unsure(TODAY + 3 * MONTH), "it has expired; the Central System needs a new one"),
        (unsure(TODAY + 3 * MONTH, floor=TODAY), "TLS clock wrong: of 127.0.0.1"),
        (unsure(TODAY - timedelta(seconds=AHEAD_S + 40 * 86_400)), "TLS clock wrong: of 127.0.0.1"),
        (unsure(TODAY - MONTH - timedelta(seconds=SLACK_S + 60), told=True), "TLS clock wrong: of 127.0.0.1"),
    ],
)
async def test_what_is_out_of_its_time_by_all_that_is_known_is_refused_and_the_reason_is_named(
    authority: trustme.CA, root: str, believed: Moment, words: str
) -> None:
    async with (
        peer(tls=serving(authority, TODAY - MONTH, TODAY + 2 * MONTH)) as there,
        linked(address(there.port, security_profile=2), "AA", trusting("/none", believed, central_system_root=root)) as link,
    ):
        assert words in await link.down(2)
        assert link.of(LinkDown)[-1].trouble == "server_certificate"
        assert there.requests == [], "the password was told to nobody"


async def test_a_clock_set_back_does_not_bring_an_expired_certificate_to_life(authority: trustme.CA, root: str) -> None:
    """The system clock says that it is valid; the last known time says that it is not any more."""
    believed = moment(Now(5.0), TODAY.timestamp(), False, lambda: (TODAY - 3 * MONTH).timestamp())
    async with (
        peer(tls=serving(authority, TODAY - 4 * MONTH, TODAY - 2 * MONTH)) as there,
        linked(address(there.port, security_profile=2), "AA", trusting("/none", believed, central_system_root=root)) as link,
    ):
        assert "it has expired" in await link.down(2)


async def test_every_certificate_of_the_chain_is_held_against_the_time(authority: trustme.CA, tmp_path: Path) -> None:
    """trustme's authorities are valid for centuries, so the one in between is made here."""
    top = issue("Top", ca=True)
    between = issue("Between", top, ca=True, ends=2 * DAY)
    server = issue("127.0.0.1", between, extensions=[(_address(), False)])
    (tmp_path / "server.pem").write_text(server.key_pem + server.pem + between.pem)
    (tmp_path / "top.pem").write_text(top.pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "server.pem")
    files = {"central_system_root": str(tmp_path / "top.pem")}
    async with peer(tls=context) as there:
        for days, words in ((3, "the certificate Between ends on"), (1, "")):
            trust = trusting("/none", unsure(NOW + days * DAY), **files)
            async with linked(address(there.port, security_profile=2), "AA", trust) as link:
                if words:
                    assert words in await link.down(1)
                else:
                    await link.up()


def _address() -> x509.ExtensionType:
    return x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])


async def test_a_connection_that_was_begun_on_credit_ends_when_the_time_shows_that_it_was_wrong(
    authority: trustme.CA, root: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(links, "WATCH_EVERY_S", 0.01)
    known = [unsure(TODAY - 3 * MONTH)]
    trust = Trust(Places(folder="/none", central_system_root=root), lambda: known[-1])
    async with (
        peer(tls=serving(authority, TODAY - 4 * MONTH, TODAY - 2 * MONTH)) as there,
        linked(address(there.port, security_profile=2), "AA", trust) as link,
    ):
        await link.up()
        known.append(Moment(at_s=TODAY.timestamp(), floor_s=TODAY.timestamp(), sure=True, told=True))
        await until(lambda: link.of(LinkDown))
        assert "found out since the time is known" in link.of(LinkDown)[0].reason


async def test_a_connection_that_was_begun_on_credit_and_rightly_so_stays(
    authority: trustme.CA, root: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(links, "WATCH_EVERY_S", 0.01)
    asked: list[float] = []
    known = [unsure(TODAY - 3 * MONTH)]

    def now() -> Moment:
        asked.append(known[-1].at_s)
        return known[-1]

    trust = Trust(Places(folder="/none", central_system_root=root), now)
    async with (
        peer(tls=serving(authority, TODAY - 2 * MONTH, TODAY + MONTH)) as there,
        linked(address(there.port, security_profile=2), "AA", trust) as link,
    ):
        await link.up()
        known.append(Moment(at_s=TODAY.timestamp(), floor_s=TODAY.timestamp(), sure=True, told=True))
        await until(lambda: asked[-1] == TODAY.timestamp())
        assert link.of(LinkDown) == []
