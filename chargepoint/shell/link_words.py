"""Why there is no link, in words for an installer that name the layer: DNS, TCP, TLS, HTTP, subprotocol or WebSocket.

Owns the sentences. Refuses to decide what happens next: every failure backs off and is tried again.
"""

import errno
import socket
import ssl
from urllib.parse import urlsplit

from websockets.exceptions import (
    ConnectionClosed,
    InvalidHandshake,
    InvalidMessage,
    InvalidStatus,
    InvalidURI,
    NegotiationError,
)

from chargepoint.core.events import LinkTrouble
from chargepoint.shell.address import AddressError
from chargepoint.shell.tls import OutOfTime
from chargepoint.tables import printable

NOT_YET_VALID, EXPIRED = 9, 10  # OpenSSL's X509_V_ERR_CERT_NOT_YET_VALID and X509_V_ERR_CERT_HAS_EXPIRED
HOSTNAME_MISMATCH = 62  # X509_V_ERR_HOSTNAME_MISMATCH
NO_COMMON_SUITE = ("HANDSHAKE_FAILURE", "CIPHER", "INSUFFICIENT_SECURITY")
STATUS_HINTS = {
    401: "the Central System refuses identity or AuthorizationKey; check both there and here",
    403: "the Central System refuses this station; is its identity registered and enabled?",
    404: "the Central System knows no station at this address; check [central_system] url and [station] identity",
    429: "the Central System takes no more connections for now",
}

SUBPROTOCOL_NONE = (
    "subprotocol: the server chose none, so it does not speak ocpp1.6 here; "
    "check that [central_system] url is its address for OCPP 1.6 JSON"
)


def failure(error: BaseException, url: str, timeout_s: float) -> str:
    """What kept a connection from opening. url is shown without whatever credentials it holds."""
    where = place(url)
    match error:
        case AddressError():
            return str(error)
        case TimeoutError():
            return f"TCP: no answer from {where} within {timeout_s:g} s; is it reachable from here (network, firewall)?"
        case socket.gaierror():
            return f"DNS: the name {urlsplit(url).hostname} cannot be resolved ({error.strerror}); check network and url"
        case ssl.SSLError():
            return _tls(error, where)
        case ConnectionResetError() | BrokenPipeError():
            return f"TCP: {where} closed the connection before the WebSocket was open; {_wrong_port(url)}"
        case OSError():
            return _tcp(error, where)
        case InvalidStatus():
            return _http(error, where)
        case NegotiationError():
            return f"subprotocol: {where} answered with another one than ocpp1.6 ({printable(str(error), 120)})"
        case InvalidURI():
            return f"url: {printable(str(error), 200)}; check [central_system] url"
        case InvalidMessage() | EOFError():
            return f"HTTP: {where} gives no HTTP answer; {_wrong_port(url)}"
        case InvalidHandshake():
            return f"HTTP: {where} does not open a WebSocket: {printable(str(error), 200)}"
        case _:
            return f"WebSocket: {where}: {type(error).__name__}: {printable(str(error), 200)}"


def closed(error: ConnectionClosed) -> str:
    """Why an open connection is gone."""
    if error.sent is not None and error.sent.code == 1009:
        return "WebSocket: a frame of more than 4 MiB came; the connection was closed because of it"
    if error.rcvd is not None and (error.rcvd_then_sent or error.sent is None):
        said = f" ({printable(error.rcvd.reason, 123)})" if error.rcvd.reason else ""
        return f"WebSocket: the Central System closed the connection with code {int(error.rcvd.code)}{said}"
    if error.sent is not None:
        return f"WebSocket: closed with code {int(error.sent.code)} ({printable(error.sent.reason, 123)})"
    return "TCP: the connection broke without a goodbye"


def place(url: str) -> str:
    """Host and port; never user information."""
    parts = urlsplit(url)
    try:
        port = parts.port or (443 if parts.scheme == "wss" else 80)
    except ValueError:
        return parts.netloc.rpartition("@")[2]
    host = f"[{parts.hostname}]" if parts.hostname and ":" in parts.hostname else parts.hostname
    return f"{host}:{port}"


def _wrong_port(url: str) -> str:
    return f"wrong port, or {'no TLS there (ws://)' if url.startswith('wss:') else 'TLS expected there (wss://)'}?"


def trouble(error: BaseException) -> LinkTrouble | None:
    """What of security a connection failed for; None where it was something else."""
    if isinstance(error, InvalidStatus) and error.response.status_code == 401:
        return "password"
    if isinstance(error, ssl.SSLCertVerificationError | OutOfTime):
        return "server_certificate"
    if not isinstance(error, ssl.SSLError):
        return None
    reason = error.reason or str(error)
    if "CERTIFICATE" in reason or "UNKNOWN_CA" in reason:
        return "own_certificate"
    if "VERSION" in reason or "UNSUPPORTED_PROTOCOL" in reason:
        return None if "WRONG_VERSION_NUMBER" in reason else "tls_version"  # no TLS at all is another matter
    return "cipher_suite" if any(word in reason for word in NO_COMMON_SUITE) else None


def _tls(error: ssl.SSLError, where: str) -> str:
    if isinstance(error, OutOfTime):
        if error.clock:
            return f"TLS clock wrong: of {where}, {error.text}; nobody has set the clock (timedatectl says more)"
        return f"TLS certificate: of {where}, {error.text}; the Central System needs a new one"
    if isinstance(error, ssl.SSLCertVerificationError):
        if error.verify_code in (NOT_YET_VALID, EXPIRED):
            state = "has expired" if error.verify_code == EXPIRED else "is not valid yet"
            return f"TLS certificate: that of {where} {state}, and the clock is synchronised; it needs another one"
        if error.verify_code == HOSTNAME_MISMATCH:
            return (
                f"TLS certificate: that of {where} is for another name ({error.verify_message}); check the host name in url. "
                "With security profile 2 and 3 a wildcard is no name, unless AllowCentralSystemTLSWildcards is true"
            )
        return (
            f"TLS certificate: that of {where} is not trusted ({error.verify_message}); "
            "check [security] central_system_root and the host name in url"
        )
    reason = getattr(error, "reason", None) or str(error)  # one that Python itself raises has none
    if "CERTIFICATE" in reason or "UNKNOWN_CA" in reason:
        return f"TLS certificate: {where} refuses this station's ({reason}); check [security] client_certificate"
    if any(word in reason for word in NO_COMMON_SUITE):
        hint = "no suite in common, or it wants a certificate of this station (security profile 3)"
        return f"TLS: no secure connection to {where} ({reason}): {hint}"
    return f"TLS: no secure connection to {where} ({reason}); does the port speak TLS (wss://)?"


def _tcp(error: OSError, where: str) -> str:
    if error.errno == errno.ECONNREFUSED:
        return f"TCP: {where} refuses connections; does the Central System run, is the port right?"
    if error.errno in (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN):
        return f"TCP: no way to {where} ({error.strerror}); is the network cable in, the modem up?"
    if error.errno is None and str(errno.ECONNREFUSED) in str(error):
        return f"TCP: {where} refuses connections on each of its addresses; does the Central System run, is the port right?"
    return f"TCP: {where}: {error.strerror or printable(str(error), 200)}"


def _http(error: InvalidStatus, where: str) -> str:
    status, there = error.response.status_code, error.response.headers.get_all("Location")
    if 300 <= status < 400 and there:
        shown = printable(there[0].rpartition("@")[2], 200)
        return (
            f"HTTP {status} from {where}: it sends the station to {shown}; if that is right, write it into [central_system] url"
        )
    hint = STATUS_HINTS.get(status, "the Central System opens no WebSocket; check [central_system] url")
    return f"HTTP {status} from {where}: {hint}"
