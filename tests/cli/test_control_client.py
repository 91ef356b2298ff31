"""The control socket's client: one answer to one request in bounded time, or a sentence that says what to do."""

import json
import socket
import time
from pathlib import Path
from typing import Any

import pytest

from chargepoint.cli import control_client
from chargepoint.cli.common import CommandError
from chargepoint.cli.control_client import ControlClient, ControlError, NotRunning, Refused
from tests.cli.conftest import Service


@pytest.fixture
def path(config: Path) -> str:
    return str(config.parent / "state" / "control.sock")


def failure(path: str, timeout_s: float = 5.0) -> CommandError:
    """What a request for the status fails with."""
    with pytest.raises(CommandError) as caught, ControlClient(path, timeout_s) as client:
        client.request("status")
    return caught.value


def test_requests_are_numbered_and_answered_one_by_one(service: Service, path: str) -> None:
    service.answers = {"status": {"identity": "CK1"}, "stop_session": lambda request: {"stopped": request["connector"]}}
    with ControlClient(path) as client:
        assert client.request("status")["identity"] == "CK1"
        assert client.request("stop_session", connector=2)["stopped"] == 2
    assert service.requests == [{"id": 1, "do": "status"}, {"id": 2, "do": "stop_session", "connector": 2}]


def test_lines_for_somebody_else_are_skipped_and_pieces_are_put_together(service: Service, path: str) -> None:
    def answer(request: dict[str, Any]) -> bytes:
        filling = "x" * 300_000  # more than one packet
        return (
            b'{"at": 5, "connector": 1}\n{"id": 99, "ok": true}\n'
            + json.dumps({"id": 1, "ok": True, "f": filling}).encode()
            + b"\n"
        )

    service.answer = answer
    with ControlClient(path) as client:
        assert len(client.request("status")["f"]) == 300_000


def test_a_refusal_is_told_in_the_services_words(service: Service, path: str) -> None:
    service.answer = lambda request: b'{"id": 1, "ok": false, "error": "no connector 3; there are 1 and 2"}\n'
    error = failure(path)
    assert isinstance(error, Refused)
    assert str(error) == "the service says: no connector 3; there are 1 and 2"
    assert error.status == 1


def test_no_socket_means_no_service(path: str) -> None:
    error = failure(path)
    assert isinstance(error, NotRunning)
    assert error.status == 3
    assert "the service is not running" in str(error)
    assert "chargepoint run" in str(error)


def test_a_socket_that_nobody_listens_on_means_no_service(service: Service, path: str) -> None:
    service.close()
    assert Path(path).is_socket()
    error = failure(path)
    assert isinstance(error, NotRunning)
    assert error.status == 3


def test_a_missing_permission_names_the_group(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    class Closed(socket.socket):
        def connect(self, address: Any) -> None:  # root, as whom tests may run, is refused by no file
            raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("chargepoint.cli.control_client.socket.socket", Closed)
    error = failure(path)
    assert isinstance(error, ControlError)
    assert error.status == 1
    assert "usermod -aG chargepoint" in str(error)


def test_a_service_that_is_silent_is_given_up_in_time(service: Service, path: str) -> None:
    service.answer = lambda request: b""
    began = time.monotonic()
    error = failure(path, timeout_s=0.2)
    assert "gave no answer within 0.2 s" in str(error)
    assert time.monotonic() - began < 3


def test_a_service_that_dribbles_is_given_up_in_time(service: Service, path: str) -> None:
    service.answer = lambda request: b'{"id": 98, "ok": true}\n' + b'{"id": 1, '
    assert "gave no answer within 0.3 s" in str(failure(path, timeout_s=0.3))


@pytest.mark.parametrize(
    ("reply", "told"),
    [
        (None, "closed the connection without an answer"),
        (b"HTTP/1.1 400 Bad Request\r\n", "does not speak JSON"),
        (b"[" * 100_000 + b"\n", "does not speak JSON"),
        (b"[1, 2]\n", "no JSON object"),
        (b'{"id": 1}\n', "no, without a reason"),
        (b"\xff\xfe\n", "does not speak JSON"),
    ],
)
def test_an_answer_that_is_none_is_told(service: Service, path: str, reply: bytes | None, told: str) -> None:
    service.answer = lambda request: reply
    assert told in str(failure(path))


def test_an_endless_answer_is_given_up(service: Service, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control_client, "LINE_SIZE_MAX", 100_000)
    service.answer = lambda request: b"x" * 1_000_000
    assert "longer than" in str(failure(path))


def test_a_path_too_long_for_a_socket_is_told(tmp_path: Path) -> None:
    assert "cannot connect to" in str(failure(str(tmp_path / ("x" * 200))))
