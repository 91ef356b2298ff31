"""The way to the Central System: each failing layer is named, with a fix of its own, and nothing is disturbed."""

import asyncio
import json
import os
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
import trustme

from chargepoint.core.effects import Commit
from chargepoint.core.records import PutKey, Stamp
from chargepoint.doctor import central_system
from chargepoint.doctor.finding import Finding, Part
from chargepoint.store import open_store
from hil.csms import CentralSystem, Settings
from tests.doctor.subjects import Change, asked, codes, looked, the, wells, written
from tests.shell.authorities import mutual, server_context
from tests.shell.peers import peer, raw_peer, tls_peer

PART = Part.CENTRAL_SYSTEM
IDENTITY = "CK_XXX_0001"


def at(url: str, **more: Any) -> Change:
    return lambda document: document["central_system"].update(url=url, **more)


async def seen(folder: Path, change: Change) -> list[Finding]:
    began_s = time.monotonic()
    findings = await looked(written(folder, change), PART)
    assert time.monotonic() - began_s < 15
    return findings


async def test_a_central_system_that_takes_the_station_is_well_in_every_layer(tmp_path: Path) -> None:
    async with CentralSystem() as cs:
        findings = await seen(tmp_path, at(cs.url))
        assert codes(findings) == []
        assert [text.partition(":")[0] for text in wells(findings, PART)] == [
            "address", "DNS", "TCP", "path", "password", "subprotocol", "BootNotification",
        ]  # fmt: skip
        boots = [frame for frame in cs.known(IDENTITY).messages if frame.action == "BootNotification"]
        assert boots[0]["chargePointModel"] == "CK22"
        assert not cs.violations


async def test_a_name_that_nobody_knows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(host: str, *_: Any, **__: Any) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    findings = await seen(tmp_path, at("ws://cs.exmaple.invalid/ocpp"))
    assert "cs.exmaple.invalid" in the(findings, "cs-dns").text
    assert "spelling" in the(findings, "cs-dns").fix


async def test_a_name_server_that_says_nothing_does_not_hold_the_doctor_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(central_system, "LAYER_S", 0.1)
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: time.sleep(1.0))
    assert "no answer about" in the(await seen(tmp_path, at("ws://cs.example.org/ocpp")), "cs-dns").text


async def test_a_port_where_nobody_listens(tmp_path: Path) -> None:
    findings = await seen(tmp_path, at("ws://127.0.0.1:9/ocpp"))
    assert "127.0.0.1:9 refuses connections" in the(findings, "cs-tcp").text


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (HTTPStatus.NOT_FOUND, "cs-path"),
        (HTTPStatus.UNAUTHORIZED, "cs-password"),
        (HTTPStatus.FORBIDDEN, "cs-identity"),
        (HTTPStatus.INTERNAL_SERVER_ERROR, "cs-http"),
    ],
)
async def test_what_http_refuses_is_named(tmp_path: Path, status: HTTPStatus, code: str) -> None:
    async with peer() as there:
        there.status = status
        findings = await seen(tmp_path, at(f"ws://127.0.0.1:{there.port}/ocpp"))
    assert str(int(status)) in the(findings, code).text


async def test_a_wrong_path_and_a_wrong_password_at_a_true_central_system(tmp_path: Path) -> None:
    settings = Settings(password=bytes.fromhex("00AABBCC"))
    async with CentralSystem(settings=settings) as cs:
        cs.settings.identities = frozenset({"somebody else"})
        assert codes(await seen(tmp_path, at(cs.url, authorization_key="00AABBCC"))) == ["cs-path"]
        cs.settings.identities = None
        assert codes(await seen(tmp_path, at(cs.url, authorization_key="00AABBCD"))) == ["cs-password"]
        findings = await seen(tmp_path, at(cs.url, authorization_key="00AABBCC"))
        assert codes(findings) == []
        assert f"password: accepted for {IDENTITY}" in wells(findings, PART)
        assert all("00AABBC" not in finding.text + str(finding.facts) for finding in findings)


async def test_the_key_that_the_central_system_has_changed_since_is_the_one_that_is_tried(tmp_path: Path) -> None:
    store = open_store(tmp_path / "state", "5f0b8a9e-0000-4000-8000-000000000001", 1.0)
    store.snapshot()
    store.commit(Commit((PutKey("AuthorizationKey", "CCDD"),), Stamp(1, 2.0)))
    store.close()
    async with CentralSystem(settings=Settings(password=bytes.fromhex("CCDD"))) as cs:
        assert codes(await seen(tmp_path, at(cs.url, authorization_key="00AA"))) == []


@pytest.mark.parametrize("trouble", ["damaged", "a folder", "no permission"])
@pytest.mark.section("security A05")
async def test_a_stored_profile_that_cannot_be_read_keeps_the_password_of_the_file_from_the_wire(
    tmp_path: Path, trouble: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The station may have been raised to TLS since; the file still says profile 1, and where ws:// is."""
    database = tmp_path / "state" / "station.db"
    database.parent.mkdir()
    if trouble == "a folder":
        database.mkdir()
    else:
        database.write_text("no database" * 100)
    if trouble == "no permission":
        monkeypatch.setattr(os, "access", lambda path, *_, **__: path != database)
    async with peer() as there:
        findings = await seen(tmp_path, at(f"ws://127.0.0.1:{there.port}/ocpp", security_profile=1, authorization_key="00AA"))
        assert there.connects == 0
    assert "sudo" in the(findings, "cs-unread").fix
    assert "station.db" in the(findings, "cs-unread").text
    assert wells(findings, PART) == []


async def test_a_password_that_is_refused_beside_a_running_service_may_have_been_changed_since(tmp_path: Path) -> None:
    async with CentralSystem(settings=Settings(password=bytes.fromhex("CCDD"))) as cs:
        path = written(tmp_path, at(cs.url, authorization_key="00AA"))
        beside = the(await asked(path, running("waiting", "none", reason="401"), PART), "cs-password").fix
        alone = the(await looked(path, PART), "cs-password").fix
    assert "may have changed the password" in beside
    assert "stop the service" in beside
    assert "changed" not in alone


async def test_a_server_that_speaks_no_ocpp16(tmp_path: Path) -> None:
    async with peer(subprotocols=None) as there:
        findings = await seen(tmp_path, at(f"ws://127.0.0.1:{there.port}/ocpp"))
    assert "subprotocol" in the(findings, "cs-subprotocol").text


async def test_a_server_that_speaks_no_http(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(central_system, "LAYER_S", 0.3)

    async def noise(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SSH-2.0-OpenSSH\r\n")

    async with raw_peer(noise) as port:
        assert codes(await seen(tmp_path, at(f"ws://127.0.0.1:{port}/ocpp"))) == ["cs-http"]


@asynccontextmanager
async def secure(context: Any) -> AsyncIterator[str]:
    async with CentralSystem(tls=context) as cs:
        yield cs.url


def rooted(url: str, authority: trustme.CA, folder: Path) -> Change:
    authority.cert_pem.write_to_path(folder / "root.pem")

    def change(document: dict[str, Any]) -> None:
        document["central_system"].update(url=url, security_profile=2, authorization_key="00")
        document["security"] = {"central_system_root": str(folder / "root.pem")}

    return change


async def test_tls_that_is_trusted_tells_how_long(tmp_path: Path) -> None:
    authority = trustme.CA()
    async with secure(server_context(authority)) as url:
        findings = await seen(tmp_path, rooted(url, authority, tmp_path))
    assert codes(findings) == []
    (tls,) = [text for text in wells(findings, PART) if text.startswith("TLS")]
    assert "until" in tls


async def test_an_authority_that_nobody_here_trusts(tmp_path: Path) -> None:
    async with secure(server_context(trustme.CA())) as url:
        findings = await seen(tmp_path, rooted(url, trustme.CA(), tmp_path))
    assert "is not trusted" in the(findings, "cs-certificate").text
    assert "central_system_root" in the(findings, "cs-certificate").fix


@pytest.mark.parametrize("synchronised", [True, False])
async def test_a_certificate_that_has_expired_and_a_clock_that_is_wrong_are_two_things(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, synchronised: bool
) -> None:
    authority = trustme.CA()
    over = datetime.now(UTC) - timedelta(days=2)
    monkeypatch.setattr("chargepoint.shell.clock.Adjtimex.__call__", lambda _: synchronised)
    async with secure(server_context(authority, not_after=over)) as url:
        findings = await seen(tmp_path, rooted(url, authority, tmp_path))
    (code,) = codes(findings)
    assert code == ("cs-expired" if synchronised else "cs-clock")
    assert ("timedatectl" in the(findings, code).fix) is not synchronised


async def test_ws_to_a_port_of_tls_and_wss_to_one_without(tmp_path: Path) -> None:
    authority = trustme.CA()
    async with secure(server_context(authority)) as url:
        assert codes(await seen(tmp_path, at(url.replace("wss:", "ws:")))) == ["cs-http"]
    async with CentralSystem() as cs:
        assert codes(await seen(tmp_path, at(cs.url.replace("ws:", "wss:")))) == ["cs-tls"]


async def test_a_station_without_the_certificate_that_is_asked_for(tmp_path: Path) -> None:
    authority = trustme.CA()
    with tls_peer(mutual(authority)) as port:  # says why
        findings = await seen(tmp_path, rooted(f"wss://127.0.0.1:{port}/ocpp", authority, tmp_path))
    the(findings, "cs-own-certificate")
    async with secure(mutual(authority)) as url:  # just goes
        findings = await seen(tmp_path, rooted(url, authority, tmp_path))
    assert "security profile 3" in the(findings, "cs-http").fix


@pytest.mark.parametrize(("status", "code"), [("Pending", "cs-pending"), ("Rejected", "cs-rejected")])
async def test_a_station_that_is_not_accepted(tmp_path: Path, status: str, code: str) -> None:
    async with CentralSystem(settings=Settings(boot_status=status)) as cs:
        assert codes(await seen(tmp_path, at(cs.url))) == [code]


async def test_a_central_system_with_another_time(tmp_path: Path) -> None:
    async with CentralSystem() as cs:
        cs.clock.set_offset(3_600.0)
        findings = await seen(tmp_path, at(cs.url))
    assert "3600 s later than here" in the(findings, "clock-differs").text.replace("3599", "3600")


async def test_a_boot_notification_that_nobody_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(central_system, "ANSWER_S", 0.1)
    async with peer() as there:
        assert codes(await seen(tmp_path, at(f"ws://127.0.0.1:{there.port}/ocpp"))) == ["cs-silent"]


@pytest.mark.parametrize("answer", ["hello", '[3,"doctor",{"status":"Maybe"}]', '[4,"doctor","InternalError","no",{}]'])
async def test_an_answer_that_is_none_is_told(tmp_path: Path, answer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(central_system, "ANSWER_S", 0.2)

    async def reply(connection: Any) -> None:
        assert json.loads(await connection.recv())[2] == "BootNotification"
        await connection.send(answer)
        await connection.wait_closed()

    async with peer(reply) as there:
        (code,) = codes(await seen(tmp_path, at(f"ws://127.0.0.1:{there.port}/ocpp")))
    assert code in ("cs-silent", "cs-rejected")


def running(state: str, registration: str, **link: Any) -> dict[str, Any]:
    view = {"state": state, "url": "ws://cs/ocpp/CK", "security_profile": 0, **link}
    return {"status": {"link": view, "registration": registration, "connectors": {}}, "health": {"parts": []}}


async def test_a_connection_that_the_service_holds_is_left_alone(tmp_path: Path) -> None:
    async with peer() as there:
        path = written(tmp_path, at(f"ws://127.0.0.1:{there.port}/ocpp"))
        findings = await asked(path, running("connected", "Accepted"), PART)
        assert codes(findings) == []
        assert any("BootNotification: Accepted" in text for text in wells(findings, PART))
        assert codes(await asked(path, running("connected", "Rejected"), PART)) == ["cs-rejected"]
        assert codes(await asked(path, running("connected", "Pending"), PART)) == ["cs-pending"]
        assert there.connects == 0


async def test_a_service_without_a_connection_is_helped_by_a_handshake_that_ends_before_boot_notification(
    tmp_path: Path,
) -> None:
    async with CentralSystem() as cs:
        path = written(tmp_path, at(cs.url))
        findings = await asked(path, running("waiting", "none", reason="DNS: no"), PART)
        assert codes(findings) == []
        assert any("the running service says: DNS: no" in finding.text for finding in findings)
        assert [frame for frame in cs.known(IDENTITY).messages if frame.action == "BootNotification"] == []


async def test_a_service_that_does_not_answer_is_told_and_nothing_is_opened_beside_it(tmp_path: Path) -> None:
    async with peer() as there:
        path = written(tmp_path, at(f"ws://127.0.0.1:{there.port}/ocpp"))
        findings = await asked(path, {"status": "no answer within 5 s"}, PART, Part.CONTACTOR)
        assert "no answer within 5 s" in the(findings, "service-silent").text
        assert there.connects == 0
