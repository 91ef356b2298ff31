"""A station's folder with a valid file, and a service to talk to that is no service."""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.settings.documents import toml, valid

Answer = Callable[[dict[str, Any]], bytes | None]
PATIENCE_S = 20.0


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A valid station.toml whose control socket is tmp_path/state/control.sock."""
    path = tmp_path / "station.toml"
    path.write_text(toml(valid()), encoding="utf-8")
    (tmp_path / "state").mkdir(mode=0o700)
    return path


class Service:
    """Listens on a control socket and answers every line as it is told. Remembers the requests."""

    def __init__(self, path: Path) -> None:
        self.requests: list[dict[str, Any]] = []
        self.answers: dict[str, Any] = {}
        self.answer: Answer = self._by_name
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(str(path))
        self._listener.listen()
        self._listener.settimeout(PATIENCE_S)
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Ends the service; its socket file stays, as after a crash."""
        if self._listener.fileno() >= 0:
            self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
        self._thread.join(PATIENCE_S)
        assert not self._thread.is_alive()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection, connection.makefile("rb") as lines:
                connection.settimeout(PATIENCE_S)
                for line in lines:
                    self.requests.append(json.loads(line))
                    reply = self.answer(self.requests[-1])
                    if reply is None:
                        break
                    try:
                        connection.sendall(reply)
                    except OSError:
                        break

    def _by_name(self, request: dict[str, Any]) -> bytes:
        found = self.answers.get(request["do"], {"ok": False, "error": f"{request['do']} is not known here"})
        body = found(request) if callable(found) else found
        return json.dumps({"id": request["id"], "ok": True, **body}).encode() + b"\n"


@pytest.fixture
def service(config: Path) -> Iterator[Service]:
    """A running service for `config`."""
    service = Service(config.parent / "state" / "control.sock")
    yield service
    service.close()
