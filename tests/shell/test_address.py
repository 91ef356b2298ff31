"""Addresses and the words for failures, without a network."""

import errno
import socket
import ssl
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosedError, InvalidHandshake, InvalidURI, NegotiationError
from websockets.frames import Close

from chargepoint.settings import parse
from chargepoint.shell.address import Address, AddressError, address_of, authorization, station_url, without_credentials
from chargepoint.shell.link_words import closed, failure, place
from tests.settings.documents import valid


@pytest.mark.parametrize(
    ("url", "identity", "profile", "expected"),
    [
        ("ws://cs.example.org/ocpp", "CP1", 0, "ws://cs.example.org/ocpp/CP1"),
        ("ws://cs.example.org/ocpp/", "CP1", 1, "ws://cs.example.org/ocpp/CP1"),
        ("ws://cs.example.org", "CP1", 0, "ws://cs.example.org/CP1"),
        ("ws://cs.example.org/ocpp//", "Säule 1", 0, "ws://cs.example.org/ocpp/S%C3%A4ule%201"),
        ("WS://cs.example.org/öl", "a/b?c#d%e", 0, "ws://cs.example.org/%C3%B6l/a%2Fb%3Fc%23d%25e"),
        ("ws://cs.example.org/a%20b", "x", 0, "ws://cs.example.org/a%20b/x"),
        ("ws://cs.example.org/ocpp?tenant=7", "CP1", 0, "ws://cs.example.org/ocpp/CP1?tenant=7"),
        ("ws://cs.example.org:8080/ocpp", "CP1", 2, "wss://cs.example.org:8080/ocpp/CP1"),
        ("ws://[::1]:9000/ocpp", "CP1", 3, "wss://[::1]:9000/ocpp/CP1"),
    ],
)
def test_the_url_of_a_station(url: str, identity: str, profile: int, expected: str) -> None:
    assert station_url(Address(url=url, identity=identity, security_profile=profile)) == expected


def test_credentials_in_a_url_are_never_shown() -> None:
    assert without_credentials("ws://user:secret@host:1/x/CP1?a=b") == "ws://host:1/x/CP1?a=b"
    assert "secret" not in failure(TimeoutError(), "ws://user:secret@host:1/x", 20)
    assert place("wss://user:secret@host/x") == "host:443"
    assert place("ws://[::1]/x") == "[::1]:80"
    assert "secret" not in place("ws://user:secret@host:99999/x")


def test_the_key_is_decoded_and_an_empty_one_sends_nothing() -> None:
    assert authorization("CP1", "") is None
    assert authorization("CP1", "41FF") == "Basic Q1AxOkH/"
    with pytest.raises(AddressError, match="hexadecimal"):
        authorization("CP1", "xyz")


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (socket.gaierror(socket.EAI_NONAME, "Name or service not known"), "DNS: the name cs.example.org cannot be resolved"),
        (ConnectionRefusedError(errno.ECONNREFUSED, "refused"), "TCP: cs.example.org:80 refuses connections"),
        (OSError("Multiple exceptions: [Errno 111] Connect call failed, [Errno 111] x"), "TCP: cs.example.org:80 refuses"),
        (OSError(errno.ENETUNREACH, "Network is unreachable"), "TCP: no way to cs.example.org:80"),
        (OSError(errno.EPERM, "Operation not permitted"), "TCP: cs.example.org:80: Operation not permitted"),
        (ConnectionResetError(errno.ECONNRESET, "reset"), "TCP: cs.example.org:80 closed the connection before"),
        (TimeoutError(), "TCP: no answer from cs.example.org:80 within 20 s"),
        (ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER] wrong"), "TLS: no secure connection to cs.example.org:80"),
        (NegotiationError("unsupported subprotocol: soap"), "subprotocol: cs.example.org:80"),
        (InvalidURI("ws://", "no host"), "url: "),
        (EOFError("stream ends"), "HTTP: cs.example.org:80 gives no HTTP answer"),
        (InvalidHandshake("odd"), "HTTP: cs.example.org:80 does not open a WebSocket"),
        (UnicodeError("label too long"), "WebSocket: cs.example.org:80: UnicodeError"),
    ],
)
def test_every_failure_names_its_layer(error: Exception, words: str) -> None:
    assert failure(error, "ws://cs.example.org/ocpp/CP1", 20).startswith(words)


@pytest.mark.parametrize(
    ("received", "sent", "words"),
    [
        (Close(1001, "bye\nnow"), None, "closed the connection with code 1001 (bye"),
        (None, Close(1009, ""), "more than 4 MiB"),
        (None, Close(1007, "invalid UTF-8"), "closed with code 1007 (invalid UTF-8)"),
        (None, None, "broke without a goodbye"),
    ],
)
def test_why_a_connection_closed(received: Close | None, sent: Close | None, words: str) -> None:
    text = closed(ConnectionClosedError(received, sent, None))
    assert words in text
    assert "\n" not in text


@pytest.mark.parametrize(
    ("table", "counts"),
    [({}, False), ({"allowcentralsystemtlswildcards": True}, True), ({"AllowCentralSystemTLSWildcards": "True "}, True)],
)
def test_whether_wildcards_count_is_said_by_the_settings_first(table: dict[str, Any], counts: bool) -> None:
    document = valid()
    document["configuration"] = table
    assert address_of(parse(document)).wildcards is counts
