"""The hardware socket (docs/hardware-socket.md): the station's virtual drivers, one connection a part.

A part holds what it commands only as long as its connection lives: whatever ends it, coil and offer are let go at once.
"""

import asyncio
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from chargepoint.facts import Input, Lights, Pattern, Refusal, Trouble
from hil.bench.lines import LineProtocol
from hil.bench.outlet import LAMP_OFF
from hil.bench.rig import Rig
from hil.bench.world import Refused, World

LINE_MAX = 4_096
HELLO_S = 5.0
CONNECTIONS_MAX = 512

Message = dict[str, Any]
Key = tuple[str, int]


class Hello(Struct, frozen=True, forbid_unknown_fields=True):
    part: Literal["contactor", "pilot", "lock", "indicator", "reader", "inputs"]
    connector: int | None = None
    reader: int | None = None


class Coil(Struct, frozen=True, forbid_unknown_fields=True):
    set: Literal["closed", "open"]


class Offer(Struct, frozen=True, forbid_unknown_fields=True):
    offer_a: Annotated[float, Meta(ge=6, le=80)] | None


class Motor(Struct, frozen=True, forbid_unknown_fields=True):
    set: Literal["locked", "unlocked"]


class Lamp(Struct, frozen=True, forbid_unknown_fields=True):
    """What is shown (refusal: why, trouble: what), or how bright and how often."""

    show: Pattern | None = None
    refusal: Refusal | None = None
    trouble: Trouble | None = None
    adjust: Lights | None = None

    def __post_init__(self) -> None:
        if (self.show is None) == (self.adjust is None):
            raise ValueError("an indicator is told either show or adjust")


class Part:
    """What a connection stands for. `news` gives the lines that are due, `obey` does a command, `release` lets go of all."""

    def __init__(self, world: World, number: int) -> None:
        self.world = world
        self.number = number

    def news(self) -> list[Message]:
        return []

    def obey(self, line: bytes) -> list[Message]:
        raise Refused("this part takes no commands")

    def release(self) -> None:
        """Nothing is held unless a part says so."""

    @property
    def works(self) -> bool:
        return True


class ContactorPart(Part):
    told: bool | None = None

    def news(self) -> list[Message]:
        contacts = self.world.outlet(self.number).contacts
        if contacts == self.told:
            return []
        self.told = contacts
        return [{"contactor": "closed" if contacts else "open"}]

    def obey(self, line: bytes) -> list[Message]:
        self.world.command_contactor(self.number, msgspec.json.decode(line, type=Coil).set == "closed")
        return []

    def release(self) -> None:
        self.world.command_contactor(self.number, False)


class PilotPart(Part):
    told: Message | None = None

    def news(self) -> list[Message]:
        pilot = self.world.outlet(self.number).pilot
        message = {
            "pilot": pilot.state.value,
            "cable_at_station": pilot.cable_at_station,
            "cable_a": pilot.cable_a,
            "diode_ok": pilot.diode_ok,
        }
        if message == self.told:
            return []
        self.told = message
        return [message]

    def obey(self, line: bytes) -> list[Message]:
        self.world.outlet(self.number).offer_a = msgspec.json.decode(line, type=Offer).offer_a
        return []

    def release(self) -> None:
        self.world.outlet(self.number).offer_a = None


class LockPart(Part):
    told = False

    def _message(self) -> Message:
        return {"lock": "locked" if self.world.outlet(self.number).locked else "unlocked"}

    def news(self) -> list[Message]:
        if self.told:
            return []
        self.told = True
        return [self._message()]

    def obey(self, line: bytes) -> list[Message]:
        self.world.outlet(self.number).command_lock(msgspec.json.decode(line, type=Motor).set == "locked")
        return [self._message()]


class IndicatorPart(Part):
    def obey(self, line: bytes) -> list[Message]:
        told = msgspec.json.decode(line, type=Lamp)
        outlet = self.world.outlet(self.number)
        if told.adjust is not None:
            outlet.lights = told.adjust
        if told.show is not None:
            outlet.lamp, outlet.lamp_reason = told.show.value, told.refusal or told.trouble
            outlet.lamp_shows += 1
        return []

    def release(self) -> None:
        outlet = self.world.outlet(self.number)
        outlet.lamp, outlet.lamp_reason = LAMP_OFF, None


class ReaderPart(Part):
    told: str | None = None

    def news(self) -> list[Message]:
        card = self.world.readers[self.number].card
        if card == self.told:
            return []
        self.told = card
        return [{"card": card}]

    @property
    def works(self) -> bool:
        return self.world.reader_works(self.number)


class InputsPart(Part):
    told: frozenset[Input] = frozenset()

    def news(self) -> list[Message]:
        active = self.world.active_inputs()
        gone = [line for line in sorted(self.told, key=lambda line: (line.connector, line.kind)) if line not in active]
        come = [line for line in active if line not in self.told]
        self.told = frozenset(active)
        return [_input_message(line, False) for line in gone] + [_input_message(line, True) for line in come]


def _input_message(line: Input, active: bool) -> Message:
    return {"input": line.kind.value, "connector": line.connector, "active": active}


PARTS: dict[str, type[Part]] = {
    "contactor": ContactorPart,
    "pilot": PilotPart,
    "lock": LockPart,
    "indicator": IndicatorPart,
    "reader": ReaderPart,
    "inputs": InputsPart,
}


def _take(world: World, hello: Hello) -> tuple[Key, Part]:
    """The part that a hello names; raises Refused where there is none."""
    if hello.part == "inputs":
        number, surplus = 0, [hello.connector, hello.reader]
    elif hello.part == "reader":
        if hello.reader is None:
            raise Refused('a reader says which: {"part": "reader", "reader": 1}')
        if hello.reader not in world.readers:
            raise Refused(f"no reader {hello.reader}; there are {', '.join(map(str, world.readers))}")
        number, surplus = hello.reader, [hello.connector]
    else:
        if hello.connector is None:
            raise Refused(f'a {hello.part} says where: {{"part": "{hello.part}", "connector": 1}}')
        world.outlet(hello.connector)
        number, surplus = hello.connector, [hello.reader]
    if any(value is not None for value in surplus):
        raise Refused(f"a {hello.part} is named by its {'reader' if hello.part == 'reader' else 'connector'} alone")
    if hello.part == "lock" and world.tethered:
        raise Refused(f"connector {number} has a fixed cable and no lock; leave lock out of [connectors.{number}]")
    part = PARTS[hello.part](world, number)
    if not part.works:
        raise Refused(f"{hello.part} {number} is taken from the station (reader_lost)")
    return (hello.part, number), part


class Hardware:
    """The parts that are connected."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self.parts: dict[Key, HardwareConnection] = {}
        self.connections: set[HardwareConnection] = set()
        rig.on_change(self.refresh)

    def refresh(self) -> None:
        """Sends every part its news, and ends the parts that a fault has taken away."""
        for connection in list(self.parts.values()):
            connection.tell()

    def join(self, key: Key, connection: "HardwareConnection") -> None:
        before = self.parts.get(key)
        if before is not None:
            before.let_go()
            before.end()
        self.parts[key] = connection
        self.rig.world.station_connected = True

    def leave(self, key: Key, connection: "HardwareConnection") -> None:
        if self.parts.get(key) is connection:
            del self.parts[key]
        self.rig.world.station_connected = bool(self.parts)


class HardwareConnection(LineProtocol):
    line_max = LINE_MAX
    name = "part"

    def __init__(self, hardware: Hardware) -> None:
        super().__init__()
        self._hardware = hardware
        self._rig = hardware.rig
        self._key: Key | None = None
        self._part: Part | None = None
        self._patience: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._hardware.connections.add(self)
        if len(self._hardware.connections) > CONNECTIONS_MAX:
            self.end(f"there are {CONNECTIONS_MAX} connections already")
            return
        self._patience = asyncio.get_running_loop().call_later(
            HELLO_S, self.end, f'no part was named within {HELLO_S:g} s, as in {{"part": "contactor", "connector": 1}}'
        )

    def eof_received(self) -> None:
        self._lost()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._hardware.connections.discard(self)
        if self._patience is not None:
            self._patience.cancel()
        self._lost()

    def _lost(self) -> None:
        if self._part is not None:
            self._rig.catch_up()
            self.let_go()
            self._rig.publish()

    def let_go(self) -> None:
        """Gives up what the part held; a second call does nothing."""
        if self._part is not None and self._key is not None:
            self._part.release()
            self._part = None
            self._hardware.leave(self._key, self)

    def line_too_long(self) -> None:
        self.end(f"a line is at most {LINE_MAX} bytes long")

    def line_received(self, line: bytes) -> None:
        self._rig.catch_up()
        try:
            if self._key is None:
                self._greet(line)
            elif self._part is not None:
                for message in self._part.obey(line):
                    self.write(message)
        except (Refused, msgspec.MsgspecError, UnicodeError, RecursionError) as error:
            self.let_go()
            self.end(f"{error} in the line {line[:80].decode(errors='replace')}")
        self._rig.publish()

    def _greet(self, line: bytes) -> None:
        self._key, self._part = _take(self._rig.world, msgspec.json.decode(line, type=Hello))
        self.name = f"{self._key[0]} {self._key[1]}"
        if self._patience is not None:
            self._patience.cancel()
        self.write({"ok": True})
        self._hardware.join(self._key, self)

    def tell(self) -> None:
        """Sends what is new, or ends a part that no longer works."""
        if self._part is None:
            return
        if not self._part.works:
            self.end()
            return
        for message in self._part.news():
            self.write(message)
