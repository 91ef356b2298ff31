"""Bus driver `modbus_tcp`: Modbus TCP to a meter or a gateway.

Owns the connection: when it is given up and made anew. A late answer carries its own transaction number and does no harm here.
Modbus Messaging on TCP/IP V1.0b.
"""

import logging
from collections.abc import Callable
from typing import Annotated, Any

from msgspec import Meta, Struct

from drivers.modbus.answers import Answers, Request, TcpAnswers
from drivers.modbus.bus import Bus, Client, told

SILENCES_MAX = 2


class Config(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """timeout_s: how long a meter, or a gateway and the meter behind it, may take to answer, and the connection to be made."""

    host: Annotated[str, Meta(min_length=1, max_length=253)]
    port: Annotated[int, Meta(ge=1, le=65_535)] = 502
    timeout_s: Annotated[float, Meta(ge=0.02, le=30)] = 1.0


class TcpLine:
    """One connection, made when the first request needs it."""

    hint = "Check that the meter has power, its address, and the unit id (a gateway: the wiring behind it)."
    noise_hint = "Check that Modbus TCP is spoken there, and the unit id."

    def __init__(self, config: Config, make: Callable[..., Any]) -> None:
        self._config = config
        self._make = make
        self.where = f"{config.host}:{config.port}"
        self.timeout_s = self.silence_s = config.timeout_s
        self.answers: Answers = TcpAnswers()
        self._silences = 0

    def client(self, on_packet: Callable[[bool, bytes], bytes], on_connect: Callable[[bool], None]) -> Client:
        self._silences = 0
        client: Client = self._make(
            self._config.host,
            port=self._config.port,
            **told(on_packet, on_connect),
        )
        return client

    def why_not(self) -> str:
        return "no connection. Check that it is switched on, `host` and `port` in the configuration, and the network between."

    def answer_s(self, request: Request) -> float:
        return 0.0

    async def settle(self) -> None:
        """TCP needs no silence between frames."""

    def received(self) -> None:
        """TCP needs no silence between frames."""

    def failed(self, sent_at: float, request: Request, *, silent: bool) -> bool:
        # Bytes that make no answer may have left the stream out of step; a host that is gone is noticed by its silence only.
        self._silences += 1
        return not silent or self._silences >= SILENCES_MAX

    def succeeded(self) -> None:
        self._silences = 0


async def open(config: Config) -> Bus:
    """The bus; the connection is made with the first request and again whenever it was lost."""
    # pymodbus takes 70 ms to import: only stations that have a meter on a bus pay for it.
    from pymodbus.client import AsyncModbusTcpClient

    # What pymodbus would log is said better by the errors raised here.
    logging.getLogger("pymodbus.logging").setLevel(logging.CRITICAL)
    return Bus(TcpLine(config, AsyncModbusTcpClient))
