"""The link with a new certificate of the station, or a new root: both are tried beside the old ones, which stay as long."""

from pathlib import Path

import pytest
import trustme

from chargepoint.core.events import LinkUp
from chargepoint.messages import CertificateUse
from chargepoint.shell.vault import folder
from tests.shell.authorities import mutual, server_context
from tests.shell.peers import Listener, address, echo, linked, peer, trusting

pytestmark = [pytest.mark.section("security A00"), pytest.mark.section("security 2.5")]

CENTRAL = CertificateUse.CentralSystemRootCertificate


async def answering(link: Listener, times: int) -> None:
    """A frame went there and back over the newest connection, which proves it."""
    await link.up(times)
    link.link.send("x")
    await link.frames(times)


class TestWhatIsNew:
    """A new pair and a new root are tried first, beside the old ones, which stay until the new ones have connected."""

    @pytest.fixture
    def places(self, tmp_path: Path, root: str) -> folder.Places:
        return folder.Places(folder=str(tmp_path / "certificates"), central_system_root=root)

    @staticmethod
    def put(places: folder.Places, name: str, authority: trustme.CA, station: str) -> None:
        folder.write(places.path(name), authority.issue_cert(station).private_key_and_cert_chain_pem.bytes())

    @pytest.mark.section("security A02")
    async def test_a_new_pair_takes_the_place_of_the_old_one_when_a_frame_came_over_it(
        self, authority: trustme.CA, root: str, places: folder.Places
    ) -> None:
        self.put(places, folder.CLIENT, authority, "old")
        self.put(places, folder.CLIENT_NEW, authority, "new")
        trust = trusting(places.folder, central_system_root=root)
        async with (
            peer(echo, tls=mutual(authority)) as there,
            linked(address(there.port, security_profile=3), "", trust) as link,
        ):
            await link.up()
            assert places.path(folder.CLIENT_NEW).exists(), "an open connection proves nothing yet"
            await answering(link, 1)
            assert not places.path(folder.CLIENT_NEW).exists()
            assert ("DNS", "new") in there.connections[0].transport.get_extra_info("peercert")["subjectAltName"]

    @pytest.mark.section("security A02")
    async def test_a_new_pair_that_is_refused_is_given_up_and_the_old_one_goes_on(
        self, authority: trustme.CA, root: str, places: folder.Places
    ) -> None:
        self.put(places, folder.CLIENT, authority, "old")
        self.put(places, folder.CLIENT_NEW, trustme.CA(), "new")
        trust = trusting(places.folder, central_system_root=root)
        async with (
            peer(echo, tls=mutual(authority)) as there,
            linked(address(there.port, security_profile=3), "", trust) as link,
        ):
            for times in (1, 2, 3):
                assert places.path(folder.CLIENT_NEW).exists()
                await answering(link, times)
                link.link.close("once more")
            await link.down(len(link.of(LinkUp)) + 1)
            assert not places.path(folder.CLIENT_NEW).exists()
            names = {one.transport.get_extra_info("peercert")["subjectAltName"] for one in there.connections}
            assert names == {(("DNS", "old"),)}

    @pytest.mark.section("security M05")
    @pytest.mark.parametrize("renewed", [True, False])
    async def test_a_new_root_is_tried_alone_and_the_fallback_goes_when_it_has_connected(
        self, authority: trustme.CA, tmp_path: Path, renewed: bool
    ) -> None:
        new = trustme.CA()
        places = folder.Places(folder=str(tmp_path / "certificates"))
        pems = [folder.certificates(one.cert_pem.bytes().decode())[0] for one in (new, authority)]
        roots = (folder.Root(pem=pems[0]), folder.Root(pem=pems[1], fallback=True))
        folder.keep(places, folder.Kept(central_system=roots))
        async with (
            peer(echo, tls=server_context(new if renewed else authority)) as there,
            linked(address(there.port, security_profile=2), "AA", trusting(places.folder)) as link,
        ):
            await answering(link, 1)
            assert len(folder.roots(places, CENTRAL)) == (1 if renewed else 2)
