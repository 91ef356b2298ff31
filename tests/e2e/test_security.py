"""Security from end to end: profiles that rise over a real process, and secrets that are told nowhere."""

import gzip
import os
import ssl
import tarfile
from pathlib import Path

import pytest
import trustme

from tests.e2e.conftest import Rigs
from tests.e2e.rig import IDENTITY, Rig
from tests.shell.fakes import until

KEY, LATER = "5EC2E75EC2E75EC2E75EC2E7", "FEEDC0DEFEEDC0DEFEEDC0DE"


class Back:
    """The Central System's side: its authority, and a server of each kind on the station's port."""

    def __init__(self, rig: Rig, authority: trustme.CA) -> None:
        self.rig = rig
        self.authority = authority

    async def becomes(self, profile: int) -> None:
        """From now on the server speaks this profile only. The station connects by itself."""
        await self.rig.cs.go_offline()
        self.rig.cs.tls = None
        if profile >= 2:
            tls = self.rig.cs.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.authority.issue_cert("127.0.0.1").configure_cert(tls)
            if profile == 3:
                tls.verify_mode = ssl.CERT_REQUIRED
                self.authority.configure_trust(tls)
        self.rig.cs.settings.password = bytes.fromhex(KEY) if profile in (1, 2) else None
        await self.rig.cs.go_online()

    async def profile(self) -> str:
        """What the station says that its profile is, over a connection that is new."""
        before = self.rig.station.connections
        await self.rig.station.wait_connected(timeout_s=10.0)
        assert before <= self.rig.station.connections
        return await self.rig.key("SecurityProfile")


@pytest.fixture
async def back(rigs: Rigs, tmp_path: Path) -> Back:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "root.pem")
    authority.issue_cert(common_name=IDENTITY).private_key_and_cert_chain_pem.write_to_path(tmp_path / "own.pem")
    (tmp_path / "key").write_text(KEY)
    rig = await rigs(
        config={
            "station.log_level": "debug",
            "central_system.authorization_key_file": tmp_path / "key",
            "security.central_system_root": tmp_path / "root.pem",
            "security.client_certificate": tmp_path / "own.pem",
            "security.client_key": tmp_path / "own.pem",
        },
    )
    return Back(rig, authority)


@pytest.mark.section("security A05")
@pytest.mark.section("security A00")
@pytest.mark.section("tool TC_083")
@pytest.mark.section("tool TC_084")
async def test_the_profile_rises_step_by_step_and_a_restart_begins_with_the_highest(back: Back) -> None:
    """To the second by a Reset, as the certification tool does it; to the others over a mere reconnect."""
    rig = back.rig
    await rig.boot()
    for profile in (1, 2, 3):
        assert await rig.set_key("SecurityProfile", profile) == "Accepted"
        if profile == 2:
            assert await rig.call("Reset", type="Hard") == {"status": "Accepted"}
            assert rig.process is not None
            await rig.process.exited()
        await back.becomes(profile)
        if profile == 2:
            await rig.boot()
        assert await back.profile() == str(profile)
        if profile != 2:
            await rig.expect("Heartbeat")
    for lower in (0, 1, 2):
        assert await rig.set_key("SecurityProfile", lower) == "Rejected"
    await rig.kill()
    await rig.boot()
    assert await rig.key("SecurityProfile") == "3"
    status = await rig.ask("status")
    assert status["security"]["profile"] == 3
    assert status["link"]["url"].startswith("wss://")
    rig.clean()


@pytest.mark.section("security A05")
async def test_a_profile_that_the_central_system_does_not_speak_is_given_up(back: Back) -> None:
    rig = back.rig
    await rig.boot()
    assert await rig.set_key("SecurityProfile", 2) == "Accepted"
    rig.cs.cut()
    await rig.station.wait_connected(after=1, timeout_s=15.0)
    assert await rig.key("SecurityProfile") == "0"
    await rig.logged("goes back to profile 0")
    rig.clean()


@pytest.mark.section("security A01")
@pytest.mark.section("security 2.6")
async def test_secrets_are_told_nowhere(back: Back, tmp_path: Path) -> None:
    """A key that the settings name, a key that the Central System gives, and the station's private key."""
    rig = back.rig
    (tmp_path / "key").chmod(0o644)
    before = os.umask(0)  # nobody has told the station what others may see
    try:
        await rig.boot()
    finally:
        os.umask(before)
    assert await rig.set_key("SecurityProfile", 1) == "Accepted"
    await back.becomes(1)
    assert await back.profile() == "1"
    assert (tmp_path / "key").stat().st_mode & 0o777 == 0o600, "what was open to others is closed"
    assert await rig.set_key("AuthorizationKey", LATER) == "Accepted"
    rig.cs.settings.password = bytes.fromhex(LATER)
    await rig.station.wait_connected(after=rig.station.connections, timeout_s=10.0)
    authorization = "Basic "  # what a log of the WebSocket would hold
    told = [str(await rig.ask("status")), str(await rig.ask("get_settings", names=[])), str(await rig.call("GetConfiguration"))]
    for spelled in ("AuthorizationKey", "AUTHORIZATIONKEY", "authorizationkey", "Authorization\u212aey"):  # the sign for Kelvin
        assert await rig.call("GetConfiguration", key=[spelled]) == {"configurationKey": [], "unknownKey": [spelled]}
        told.append(str(await rig.ask("get_settings", names=[spelled])))
    told += [str(await rig.ask(what)) for what in ("frames", "log", "security_log", "health", "settings_file", "journal")]
    told += (await rig.command("doctor", "--config", str(rig.config)))[1:]
    # Nobody listens there, so the archive waits for the next attempt and can be looked into.
    await rig.call("GetDiagnostics", location="http://127.0.0.1:9/", retries=1, retryInterval=600)
    await rig.expect("DiagnosticsStatusNotification", status="Uploading")
    archives = rig.directory / "state" / "diagnostics"
    await until(lambda: "An upload of diagnostics failed" in rig.log.read_text(), "the first attempt")
    code, said, _ = await rig.command("journal", "--config", str(rig.config), str(tmp_path / "journal.jsonl.gz"))
    assert code == 0, said
    code, said, _ = await rig.command("support", "--config", str(rig.config), "--recording", str(tmp_path / "support.tar.gz"))
    assert code == 0, said
    (archive,) = archives.glob("*.tar.gz")
    told += [gzip.decompress(file.read_bytes()).decode("latin-1") for file in (archive, tmp_path / "journal.jsonl.gz")]
    with tarfile.open(tmp_path / "support.tar.gz") as bundle:
        packed = {one.name.rpartition("/")[2]: bundle.extractfile(one).read() for one in bundle}  # type: ignore[union-attr]
    packed["recording.jsonl.gz"] = gzip.decompress(packed["recording.jsonl.gz"])
    told += [data.decode("latin-1") for data in packed.values()]
    told.append(rig.log.read_text())
    private = "".join((tmp_path / "own.pem").read_text().splitlines()[1:2])
    assert len(private) > 40
    for text in told:
        for secret in (KEY, LATER, private, authorization):
            assert secret.lower() not in text.lower()
    for file in (rig.directory / "state").rglob("*"):
        assert file == rig.control_socket or file.stat().st_mode & 0o077 == 0, f"{file} is open to others"
    rig.clean()
