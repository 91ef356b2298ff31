"""Which requests fetch a map's registers: as few as the meter's limits allow, and finer ones where a meter refuses."""

from collections.abc import Iterable, Sequence
from itertools import groupby

from msgspec import Struct

from chargepoint.facts import Quantity
from drivers.meters import REGISTERS, MeterMap, Type


class Item(Struct, frozen=True, kw_only=True):
    """One number in the meter. phase: 0 to 2, None for a total. sign: -1 where it is subtracted."""

    quantity: Quantity
    phase: int | None
    sign: int
    function: int
    address: int
    type: Type

    @property
    def end(self) -> int:
        return self.address + REGISTERS[self.type]


class Block(Struct, frozen=True):
    """One request and what it fetches."""

    function: int
    address: int
    count: int
    items: tuple[Item, ...]


def items_of(meter_map: MeterMap) -> list[Item]:
    """Every number of the map, once for each phase."""
    items: list[Item] = []
    for quantity, register in meter_map.quantities.items():
        addresses = register.at if isinstance(register.at, tuple) else (register.at,)
        places = [(at, index if isinstance(register.at, tuple) else None, 1) for index, at in enumerate(addresses)]
        if register.minus is not None:
            places.append((register.minus, None, -1))
        items += [
            Item(
                quantity=quantity,
                phase=phase,
                sign=sign,
                function=register.function or meter_map.function,
                address=at,
                type=register.type or meter_map.type,
            )
            for at, phase, sign in places
        ]
    return items


def blocks_of(items: Iterable[Item], max_registers: int, gap: int) -> tuple[Block, ...]:
    """Neighbours share a request while it stays within max_registers and no hole is wider than `gap` registers."""
    blocks: list[Block] = []
    ordered = sorted(items, key=lambda item: (item.function, item.address))
    for function, group in groupby(ordered, key=lambda item: item.function):
        together: list[Item] = []
        for item in group:
            if together and (item.address > _end(together) + gap or item.end - together[0].address > max_registers):
                blocks.append(_block(function, together))
                together = []
            together.append(item)
        blocks.append(_block(function, together))
    return tuple(blocks)


def finer(block: Block) -> tuple[Block, ...]:
    """The same items in smaller requests: first without holes, then each for itself; nothing where it is one already."""
    tight = blocks_of(block.items, block.count, 0)
    if len(tight) > 1:
        return tight
    return tuple(_block(block.function, [item]) for item in block.items) if len(block.items) > 1 else ()


def _end(items: Sequence[Item]) -> int:
    return max(item.end for item in items)


def _block(function: int, items: Sequence[Item]) -> Block:
    return Block(function, items[0].address, _end(items) - items[0].address, tuple(items))
