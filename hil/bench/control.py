"""The control socket: requests in, answers and watch lines out (see `hil.bench.commands` for the words)."""

from typing import Any

from hil.bench import commands
from hil.bench.lines import LineProtocol, decode
from hil.bench.rig import Rig
from hil.bench.world import Refused

CLIENTS_MAX = 256
LINE_MAX = 65_536


class ControlClient(LineProtocol):
    """One client. Its answers come in the order of its requests, each before the changes that it causes."""

    line_max = LINE_MAX
    name = "control client"

    def __init__(self, rig: Rig) -> None:
        super().__init__()
        self._rig = rig

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._rig.clients.add(self)
        if len(self._rig.clients) > CLIENTS_MAX:
            self.end(f"there are {CLIENTS_MAX} clients already; close one")

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._rig.clients.discard(self)
        self._rig.watchers.discard(self)

    def line_too_long(self) -> None:
        self.write(_refusal(None, f"a request is at most {LINE_MAX} bytes long"))

    def line_received(self, line: bytes) -> None:
        try:
            request = decode(line)
        except ValueError as error:
            self.write(_refusal(None, str(error)))
            return
        if not isinstance(request, dict):
            self.write(
                _refusal(None, f'a request is a JSON object such as {{"id": 1, "do": "state"}}, not {commands.shown(request)}')
            )
            return
        number = request.get("id")
        if not isinstance(number, str | int | float | None):
            self.write(_refusal(None, f"id must be a number or a text, not {commands.shown(number)}"))
            return
        self._rig.catch_up()
        try:
            do, values = commands.check(request)
            answer = commands.perform(self._rig.world, do, values)
        except Refused as refused:
            self.write(_refusal(number, str(refused)))
            return
        self.write({"id": number, "ok": True, **answer})
        if do == "watch":
            self._rig.watchers.add(self)
        if do == "quit":
            self._rig.stop.set()
        self._rig.publish()


def _refusal(number: Any, error: str) -> dict[str, Any]:
    return {"id": number, "ok": False, "error": error}
