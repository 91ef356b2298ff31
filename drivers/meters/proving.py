"""Is this the meter that the configuration means? Judges what it says of itself, and whether its registers make sense at all.

Knows no bus: what was read is brought here, and what comes back is a sentence for an installer, or None where nothing is wrong.
"""

from collections.abc import Sequence

from chargepoint.facts import Quantity
from drivers.meters import REGISTERS, Identity, MeterMap, SerialNumber, load, names
from drivers.meters.decoding import decode
from drivers.meters.plan import Block

# What mains show. The bounds are wide: this is to tell sense from nonsense, not good mains from bad.
SENSIBLE = {Quantity.VOLTAGE: (80.0, 300.0), Quantity.FREQUENCY: (40.0, 70.0)}


def another_model(identity: Identity, code: int) -> str | None:
    """What the model register says against the map."""
    if code in identity.values:
        return None
    others = [name for name in names() if _has_code(load(name), identity, code)]
    advice = f"Use map {' or '.join(others)}." if others else "Look at the meter's label, or set verify_model = false."
    expected = ", ".join(f"0x{value:04X}" for value in identity.values)
    return f"the meter says model 0x{code:04X}, this map is for {expected}. {advice}"


def serial_text(register: SerialNumber, words: Sequence[int], *, lsw_first: bool) -> str:
    """The serial number as it is printed on the meter."""
    if register.type == "ascii":
        data = b"".join(word.to_bytes(2) for word in words)
        return data.split(b"\0")[0].decode("ascii", "replace").strip()
    number = decode(words, "uint32", lsw_first=lsw_first)
    return str(int(number or 0))


def another_meter(expected: str, found: str) -> str | None:
    """What the serial number says against the configuration; leading zeros and small letters do not count."""
    if expected.strip().lstrip("0").casefold() == found.lstrip("0").casefold():
        return None
    return (
        f'the meter has the serial number "{found}", the configuration expects "{expected}". Are two meters exchanged, in '
        "their wires or their unit ids, or was one replaced? Set serial_number to that of the meter at this connector."
    )


def words_exchanged(meter_map: MeterMap, read: Sequence[tuple[Block, list[int]]]) -> str | None:
    """What voltage and frequency say against the map's word order: sense only where the words are the other way round."""
    for block, words in read:
        for item in block.items:
            bounds = SENSIBLE.get(item.quantity)
            if bounds is None or REGISTERS[item.type] == 1:
                continue
            scale = meter_map.quantities[item.quantity].scale
            raw = words[item.address - block.address : item.end - block.address]
            as_mapped, exchanged = (
                decode(raw, item.type, lsw_first=lsw_first)
                for lsw_first in (meter_map.word_order == "lsw_first", meter_map.word_order != "lsw_first")
            )
            if _within(as_mapped, scale, bounds):
                return None
            if _within(exchanged, scale, bounds):
                assert exchanged is not None
                return (
                    f"its {item.quantity} makes sense only with the registers the other way round ({exchanged * scale:.1f}). "
                    f"It is another model than {meter_map.name}, or its word order is a setting: see the meter's manual."
                )
    return None


def _within(number: float | None, scale: float, bounds: tuple[float, float]) -> bool:
    return number is not None and bounds[0] <= number * scale <= bounds[1]


def _has_code(meter_map: MeterMap, like: Identity, code: int) -> bool:
    other = meter_map.identity
    return other is not None and (other.function, other.address) == (like.function, like.address) and code in other.values
