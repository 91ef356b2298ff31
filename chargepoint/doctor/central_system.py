"""The way to the Central System, layer by layer: address, DNS, TCP, TLS, path, password, subprotocol, BootNotification.

Each layer that fails is one finding with its own code, and ends the way (OCPP-J 1.6 section 3). While a service holds the
connection, nothing is opened beside it with its identity: many Central Systems would drop the first of two. Where it has none,
a handshake is tried and closed before BootNotification; BootNotification is sent only while no service runs.
"""

import asyncio
import socket
import ssl
import threading
import time
from collections.abc import AsyncIterator, Callable
from typing import Any, TypeVar
from urllib.parse import urlsplit

from msgspec.structs import replace
from websockets.exceptions import InvalidStatus, NegotiationError

from chargepoint.core.site import boot_request
from chargepoint.doctor.finding import Finding, Part, skipped, well, wrong
from chargepoint.doctor.subject import Subject
from chargepoint.messages import (
    BootNotificationConf,
    BootNotificationReq,
    CallError,
    CallResult,
    RegistrationStatus,
    decode_conf,
    encode_call,
    from_utc,
    parse_frame,
)
from chargepoint.messages.actions import ACTION_OF
from chargepoint.messages.errors import PayloadError
from chargepoint.settings import Settings
from chargepoint.shell import link_words
from chargepoint.shell.address import Address, AddressError, address_of, key_mark, station_url
from chargepoint.shell.clock import SystemClock
from chargepoint.shell.compose import site_of
from chargepoint.shell.moment import moment
from chargepoint.shell.tls import MUTUAL, OutOfTime, Trust
from chargepoint.shell.vault.places import places_of
from chargepoint.shell.websocket import SUBPROTOCOL, WebSocket, dial

LAYER_S = 4.0  # for each of DNS, TCP, TLS and the handshake: whatever fails is told within 15 s
ANSWER_S = 6.0
SHOWN_TIMEOUT = f"{LAYER_S:g}"
CLOCK_OFF_S = 60.0
REFUSALS = {401: "cs-password", 403: "cs-identity", 404: "cs-path"}
FILE_KEY_REFUSED = (  # a running service tells its password to nobody, so it is the file's that was tried
    "the Central System may have changed the password of the file since: stop the service and run doctor again, it tries the "
    "stored one then; if that is refused too, compare authorization_key (hexadecimal) and identity with the operator's"
)

T = TypeVar("T")
PART = Part.CENTRAL_SYSTEM


class Failed(Exception):
    """A layer does not work; the finding says which and why."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding.text)
        self.finding = finding


async def way(subject: Subject, *, boot: bool = True, draft: bool = False) -> AsyncIterator[Finding]:
    """Every layer in its order; the first that fails is the last. boot: False ends before BootNotification. draft: the file is
    one that somebody is about to make, perhaps for another Central System: nothing that is stored counts, and no password but
    the file's own is sent there.
    """
    settings = subject.settings
    if settings is None:
        yield skipped(PART, "not tried: the file comes first")
        return
    link = (subject.status or {}).get("link", {})
    if subject.running and subject.status is None:
        yield wrong("service-silent", subject.silence)
        return
    if link.get("state") == "connected":
        for finding in _as_told(subject.status or {}):
            yield finding
        return
    if link.get("reason"):
        yield skipped(PART, f"the running service says: {link['reason']}")
    try:
        async for finding in _tried(settings, subject, boot=boot, draft=draft):
            yield finding
    except Failed as failed:
        yield failed.finding


def _as_told(status: dict[str, Any]) -> list[Finding]:
    """What the running service says of the connection that it holds; it is left alone."""
    link, registration = status["link"], status.get("registration")
    told = well(
        PART,
        f"connected to {link.get('url')} with security profile {link.get('security_profile')}, by the running service",
        address=str(link.get("url")),
        registration=str(registration),
    )
    match registration:
        case "Accepted":
            return [told, well(PART, "BootNotification: Accepted, by the running service", boot="Accepted")]
        case "Pending":
            return [told, wrong("cs-pending", "the Central System answered BootNotification with Pending")]
        case "Rejected":
            return [told, wrong("cs-rejected", "the Central System answered BootNotification with Rejected")]
        case _:
            return [told, skipped(PART, "BootNotification is not answered yet; the running service waits for it")]


async def _tried(settings: Settings, subject: Subject, *, boot: bool, draft: bool) -> AsyncIterator[Finding]:
    own = address_of(settings), settings.central_system.authorization_key
    address, key = own if draft else _as_stored(settings, subject)
    url = station_url(address)
    host, port = _place(url)
    yield well(PART, f"address: {url}", address=url)
    addresses = await _resolved(host, port, url)
    yield well(PART, f"DNS: {host} is {', '.join(addresses)}")
    address_there = await _reached(addresses, port, url)
    yield well(PART, f"TCP: {address_there} port {port} answers")
    context = await _trusting(settings, address) if url.startswith("wss:") else None
    if context is not None:
        yield await _secured(host, port, context, url)
    try:
        websocket = await _opened(address, url, key, context)
    except Failed as failed:
        if failed.finding.code == "cs-password" and subject.running:
            raise Failed(replace(failed.finding, fix=FILE_KEY_REFUSED)) from failed
        raise
    try:
        yield well(PART, "path: a WebSocket opens there")
        yield _admitted(address, key)
        if websocket.subprotocol != SUBPROTOCOL:
            raise Failed(wrong("cs-subprotocol", link_words.SUBPROTOCOL_NONE.partition(";")[0]))
        yield well(PART, "subprotocol: ocpp1.6")
        if not boot:
            return
        if subject.running:
            yield skipped(PART, "BootNotification is left to the running service")
            return
        for finding in await _booted(websocket, settings):
            yield finding
    finally:
        await websocket.close()


def _as_stored(settings: Settings, subject: Subject) -> tuple[Address, str]:
    """The address and key that the station would use: what the Central System has changed; a newer key of the file.

    Where that cannot be read nothing is tried: the file's lower security profile could send the password in the clear.
    """
    from chargepoint.store import NoStore, StoreError, reading

    address, key = address_of(settings), settings.central_system.authorization_key
    security = (subject.status or {}).get("security", {})
    if isinstance(profile := security.get("profile"), int):
        return replace(address, security_profile=profile, wildcards=security.get("wildcards") is True), key
    try:
        stored = reading.credentials(subject.state_dir)
    except NoStore:
        return address, key  # no station has run with this state yet
    except StoreError as error:
        raise Failed(wrong("cs-unread", f"nothing is tried: {error}")) from error
    profile = max(address.security_profile, stored.security_profile)
    given = stored.security.key_in_force(stored.authorization_key, key_mark(key))
    wildcards = address.wildcards if stored.wildcards is None else stored.wildcards
    return replace(address, security_profile=profile, wildcards=wildcards), given or key


async def _resolved(host: str, port: int, url: str) -> list[str]:
    try:
        found = await _in_thread(lambda: socket.getaddrinfo(host, port, type=socket.SOCK_STREAM), LAYER_S)
    except TimeoutError:
        text = f"DNS: no answer about {host} within {SHOWN_TIMEOUT} s"
        raise Failed(wrong("cs-dns", text, fix="check the network: cable, modem, and the name server it gives")) from None
    except (OSError, UnicodeError) as error:
        raise Failed(wrong("cs-dns", _cause(error, url))) from error
    return list(dict.fromkeys(str(one[4][0]) for one in found))


async def _reached(addresses: list[str], port: int, url: str) -> str:
    """The first address that takes a connection."""
    trouble: BaseException = TimeoutError()
    try:
        async with asyncio.timeout(LAYER_S):
            for address in addresses:
                try:
                    _, writer = await asyncio.open_connection(address, port)
                except OSError as error:
                    trouble = error
                    continue
                writer.transport.abort()
                return address
    except TimeoutError as error:
        trouble = error
    raise Failed(wrong("cs-tcp", _cause(trouble, url))) from trouble


async def _trusting(settings: Settings, address: Address) -> ssl.SSLContext:
    now = SystemClock().now()
    trust = Trust(places_of(settings), lambda: moment(now, None, False))
    try:
        context, _ = await asyncio.to_thread(trust.context, address.security_profile, address.wildcards)
    except AddressError as error:
        raise Failed(wrong("cs-address", str(error))) from error
    return context


async def _secured(host: str, port: int, context: ssl.SSLContext, url: str) -> Finding:
    try:
        async with asyncio.timeout(LAYER_S):
            _, writer = await asyncio.open_connection(host, port, ssl=context, server_hostname=host)
    except (TimeoutError, OSError) as error:
        raise Failed(wrong(_tls_code(error), _cause(error, url))) from error
    shown = writer.get_extra_info("peercert") or {}
    version = writer.get_extra_info("ssl_object").version()
    writer.transport.abort()
    until = str(shown.get("notAfter", "unknown"))
    return well(PART, f"TLS: {version}; the certificate is trusted, until {until}", certificate_until=until)


def _tls_code(error: BaseException) -> str:
    match error:
        case OutOfTime():
            return "cs-clock" if error.clock else "cs-expired"
        case ssl.SSLCertVerificationError():
            if error.verify_code not in (link_words.NOT_YET_VALID, link_words.EXPIRED):
                return "cs-certificate"
            return "cs-expired" if SystemClock().now().wall_s is not None else "cs-clock"
        case _:
            return "cs-own-certificate" if link_words.trouble(error) == "own_certificate" else "cs-tls"


async def _opened(address: Address, url: str, key: str, context: ssl.SSLContext | None) -> WebSocket:
    """The WebSocket, with everything that the station itself would send."""
    try:
        return await dial(address, key, context, LAYER_S)
    except AddressError as error:
        raise Failed(wrong("cs-address", str(error))) from error
    except InvalidStatus as error:
        status = error.response.status_code
        raise Failed(wrong(REFUSALS.get(status, "cs-http"), _cause(error, url))) from error
    except NegotiationError as error:
        raise Failed(wrong("cs-subprotocol", _cause(error, url))) from error
    except ssl.SSLError as error:
        raise Failed(wrong(_tls_code(error), _cause(error, url))) from error
    except Exception as error:  # as the link itself: whatever else keeps a connection from opening has words there
        fix = "" if context is None else "check url; it may want a certificate of this station (security profile 3)"
        raise Failed(wrong("cs-http", _cause(error, url), fix=fix)) from error


def _admitted(address: Address, key: str) -> Finding:
    if address.security_profile == MUTUAL:
        return well(PART, "the station's certificate is accepted")
    if not key:
        return well(PART, "password: none is set, and none is asked for")
    return well(PART, f"password: accepted for {address.identity}")


async def _booted(websocket: WebSocket, settings: Settings) -> list[Finding]:
    """What BootNotification is answered with; whatever else comes meanwhile is left without an answer."""
    answer: asyncio.Future[CallResult | CallError] = asyncio.get_running_loop().create_future()

    def take(message: str | bytes) -> None:
        frame = parse_frame(message)
        if isinstance(frame, CallResult | CallError) and frame.message_id == "doctor" and not answer.done():
            answer.set_result(frame)

    websocket.listen(take)
    websocket.send(encode_call("doctor", boot_request(site_of(settings))))
    ends: set[asyncio.Future[Any]] = {answer, websocket.closed}
    await asyncio.wait(ends, timeout=ANSWER_S, return_when=asyncio.FIRST_COMPLETED)
    if not answer.done():
        why = link_words.closed(websocket.closed.result()) if websocket.closed.done() else f"no answer within {ANSWER_S:g} s"
        return [wrong("cs-silent", f"BootNotification: {why}")]
    frame = answer.result()
    if isinstance(frame, CallError):
        return [wrong("cs-rejected", f"BootNotification is answered with CALLERROR {frame.code} {frame.description}")]
    try:
        conf, _ = decode_conf(ACTION_OF[BootNotificationReq], frame.payload)
    except PayloadError as error:
        return [wrong("cs-silent", f"BootNotification: the answer cannot be read ({error})")]
    assert isinstance(conf, BootNotificationConf)
    return _judged(conf)


def _judged(conf: BootNotificationConf) -> list[Finding]:
    there_s = from_utc(conf.current_time)
    findings: list[Finding] = []
    match conf.status:
        case RegistrationStatus.Accepted:
            findings.append(well(PART, f"BootNotification: Accepted, heartbeat {conf.interval} s", boot="Accepted"))
        case RegistrationStatus.Pending:
            findings.append(wrong("cs-pending", "the Central System answered BootNotification with Pending"))
        case _:
            findings.append(wrong("cs-rejected", "the Central System answered BootNotification with Rejected"))
    if abs(there_s - time.time()) > CLOCK_OFF_S:
        away = there_s - time.time()
        text = f"the Central System's clock says {conf.current_time:%Y-%m-%d %H:%M:%S} UTC, {abs(away):.0f} s "
        findings.append(wrong("clock-differs", text + ("later than here" if away > 0 else "earlier than here")))
    return findings


async def _in_thread(work: Callable[[], T], limit_s: float) -> T:
    """A call that may hang for long; its thread is left behind and keeps nobody from ending."""
    loop = asyncio.get_running_loop()
    outcome: asyncio.Future[T] = loop.create_future()

    def finish(act: Callable[[Any], None], value: Any) -> None:
        if not outcome.done():
            act(value)

    def run() -> None:
        try:
            found = work()
        except Exception as error:
            tell: tuple[Callable[[Any], None], Any] = (outcome.set_exception, error)
        else:
            tell = (outcome.set_result, found)
        if not loop.is_closed():
            loop.call_soon_threadsafe(finish, *tell)

    threading.Thread(target=run, daemon=True, name="doctor").start()
    async with asyncio.timeout(limit_s):
        return await outcome


def _cause(error: BaseException, url: str) -> str:
    """The sentence of the link's own words, without its hint: the fix is the finding's."""
    return link_words.failure(error, url, LAYER_S).partition(";")[0]


def _place(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    assert parts.hostname is not None, "the settings refuse a url without a host"
    return parts.hostname, parts.port or (443 if parts.scheme == "wss" else 80)
