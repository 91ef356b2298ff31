"""Whole meters again: registers at the addresses at which other people's programs read them, with their types and factors.

Each entry names the file that it was written from, never the map: the map and another program must agree on the same Reading.
Numbers were put into words by hand. Where a map is not verified, the one source that there is stands here.
"""

from chargepoint.facts import Reading

V230, A16, W3680, HZ50, PF099 = "4366 0000", "4180 0000", "4566 0000", "4248 0000", "3F7D 70A4"
W11040, KWH12345_2, KWH1 = "462C 8000", "4640 E4CD", "3F80 0000"
ZERO = "0000 0000"

# nmakel/sdm_modbus, src/sdm_modbus/sdm.py, class SDM120: input registers, 32-bit floats, energies in kWh.
SDM120 = {
    0x0000: V230,
    0x0006: A16,
    0x000C: W3680,
    0x0012: W3680,  # apparent
    0x0018: ZERO,  # reactive
    0x001E: PF099,
    0x0046: HZ50,
    0x0048: KWH12345_2,
    0x004A: KWH1,
    0x0156: KWH12345_2,  # total
}
# The same file, class SDM230: the same places.
SDM230 = {**SDM120, 0x0024: "4110 0000"}  # phase angle 9 degrees
# The same file, class SDM72: the totals, which all sources agree on.
SDM72 = {0x0034: W11040, 0x0048: KWH12345_2, 0x004A: ZERO}
# The same file, class SDM72V2.
SDM72V2 = {
    0x0000: f"{V230} 4366 8000 4365 8000",
    0x0006: f"{A16} 4181 0000 417F 0000",
    0x000C: f"{W3680} 4567 0000 4565 0000",
    0x0034: W11040,
    0x003E: PF099,
    0x0046: HZ50,
    0x0048: KWH12345_2,
    0x004A: ZERO,
}
# Tinkerforge/esp32-firmware, meters_modbus_tcp/carlo_gavazzi.py, EM100: low word first, 0.1 V, 1 mA, 0.1 W, 0.001, 0.1 Hz,
# 0.1 kWh.
EM112 = {
    0x00: "08FC 0000 3E80 0000 8FC0 0000 8FC0 0000 0000 0000",  # 230.0 V, 16.000 A, 3680.0 W, VA, var
    0x0E: "03DE 01F4 D687 0012",  # 0.990, 50.0 Hz, 123456.7 kWh
    0x12: "0000 0000",
    0x20: "000A 0000",  # 1.0 kWh
}
# volkszaehler/mbmd, carlogavazzi-em24.go; the import total where Tinkerforge's carlo_gavazzi.py (EM24 DIN) reads it, at 0x3E.
EM24_RS485 = {
    0x00: "08FC 0000 08FD 0000 08FB 0000",
    0x0C: "3E80 0000 3E81 0000 3E7F 0000",
    0x12: "8FC0 0000 8FC0 0000 8FC0 0000",
    0x28: "AF40 0001",  # 11040.0 W
    0x35: "03DE",
    0x37: "01F4",
    0x3E: "D687 0012",
    0x5C: "000A 0000",
}
# victronenergy/dbus-modbus-client, carlo_gavazzi.py: s32 low word first; the sequence of phases 0 or 0xFFFF. The power factor:
# volkszaehler/mbmd, carlogavazzi-em24_e1.go.
EM24_E1 = {
    0x00: "08FC 0000 08FD 0000 08FB 0000",
    0x0C: "3E80 0000 3E81 0000 3E7F 0000",
    0x12: "8FC0 0000 8FC0 0000 8FC0 0000",
    0x28: "AF40 0001",
    0x31: "03DE FFFF 01F4 D687 0012",
    0x4E: "000A 0000",
}
# Tinkerforge's carlo_gavazzi.py, EM580; the 64-bit energies: EVerest/everest-core, CarloGavazzi_EM580.
EM580 = {
    0x00: "08FC 0000 08FD 0000 08FB 0000",
    0x0C: "3E80 0000 3E81 0000 3E7F 0000",
    0x12: "8FC0 0000 8FC0 0000 8FC0 0000",
    0x28: "AF40 0001",
    0x31: "03DE",
    0x33: "01F4",
    0x0500: "D687 0012 0000 0000",  # 1234567 Wh
    0x051C: "03E8 0000 0000 0000",
}
# victronenergy/dbus-modbus-client, abb.py, class ABB_Meter_1P; the power factor: volkszaehler/mbmd, abb.go.
ABB_B21 = {
    0x5000: "0000 0000 0001 E240 0000 0000 0000 0064",  # 1234.56 kWh, 1.00 kWh
    0x5B00: "0000 08FC",
    0x5B0C: "0000 0640",
    0x5B14: "0005 9D80",
    0x5B16: "7FFF FFFF",  # per phase: no value
    0x5B2C: "1388",
    0x5B3A: "03DE",
}
# volkszaehler/mbmd, orno1p.go: 0.01 Hz, 0.01 V, 0.001 A, W, 0.001, 0.01 kWh.
WE514 = {
    0x0130: "1388 59D8",
    0x0139: "0000 3E80",
    0x0140: "0000 0E60",
    0x0158: "03DE",
    0xA000: "0001 E240",
}
# Tinkerforge/bricklib2, warp/meter_wm3m4c_def.inc (counted from 1 there); the temperature: Iskramis/pyiskra, WM.py.
WM3M4C = {
    105: "FE00 1388 FF00 08FC FF00 08FD FF00 08FB",  # 50.00 Hz, 230.0 230.1 229.9 V
    126: "FE00 0640 FE00 0641 FE00 063F",  # 16.00 16.01 15.99 A
    140: "0000 2B20 0000 0E60 0000 0E60 00FF F1A0",  # 11040 W, 3680 3680 -3680
    164: "0000 26AC",  # 0.99, import, inductive
    181: "0A28",  # 26.00 degrees
    418: "0001 E240 0000 0064",
}
# Iskramis/pyiskra, IMPACT.py.
IE38 = {**{address: text for address, text in WM3M4C.items() if address != 418}, 2752: "47F1 2000"}  # 123456.0 Wh
# volkszaehler/mbmd, finder7m38.go; the energies as floats, as on the sibling in pyiskra's IMPACT.py.
FINDER_7M38 = {
    2500: f"{V230} 4366 8000 4365 8000",
    2516: f"{A16} 4181 0000 417F 0000",
    2530: f"{W3680} 4567 0000 4565 0000 {W11040}",
    2560: PF099,
    2584: HZ50,
    2752: "47F1 2000 0000 0000 42C8 0000",
}
# volkszaehler/mbmd, finder7m24.go.
FINDER_7M24 = {2500: V230, 2516: A16, 2536: W3680, 2560: PF099, 2584: HZ50, 2752: "47F1 2000 0000 0000 42C8 0000"}
# volkszaehler/mbmd, janitza.go; total power and frequency: Tinkerforge's janitza.py, whose block begins at 19000 (0x4A38).
JANITZA = {
    19000: f"{V230} 4366 8000 4365 8000",
    19012: f"{A16} 4181 0000 417F 0000",
    19020: f"{W3680} 4567 0000 4565 0000 {W11040}",
    19050: HZ50,
    19068: "47F1 2000",
    19076: "42C8 0000",
}
# volkszaehler/mbmd, pac2200.go: 32-bit floats, energies 64-bit floats in Wh; the frequency: Tinkerforge's siemens.py.
PAC2200 = {
    1: f"{V230} 4366 8000 4365 8000",
    13: f"{A16} 4181 0000 417F 0000",
    25: f"{W3680} 4567 0000 4565 0000",
    55: HZ50,
    65: W11040,
    69: PF099,
    801: "4132 D687 0000 0000",  # 1234567.0 Wh
    809: "4059 0000 0000 0000",
}


def one_phase(energy_wh: float, export_wh: float | None) -> Reading:
    return Reading(
        energy_import_wh=energy_wh,
        energy_export_wh=export_wh,
        power_w=3_680.0,
        current_a=(16.0, None, None),
        voltage_v=(230.0, None, None),
        frequency_hz=50.0,
        power_factor=0.99,
    )


def three_phases(energy_wh: float, export_wh: float | None, **other: object) -> Reading:
    """Three phases as the floats above have them."""
    fields: dict[str, object] = {
        "power_w": 11_040.0,
        "power_w_phases": (3_680.0, 3_696.0, 3_664.0),
        "current_a": (16.0, 16.125, 15.938),
        "voltage_v": (230.0, 230.5, 229.5),
        "frequency_hz": 50.0,
        "power_factor": 0.99,
        **other,
    }
    return Reading(energy_import_wh=energy_wh, energy_export_wh=export_wh, **fields)  # type: ignore[arg-type]


EQUAL = (3_680.0, 3_680.0, 3_680.0)
TENTHS = {"power_w_phases": EQUAL, "current_a": (16.0, 16.001, 15.999), "voltage_v": (230.0, 230.1, 229.9)}
ISKRA = {
    "power_w_phases": (3_680.0, 3_680.0, -3_680.0),
    "current_a": (16.0, 16.01, 15.99),
    "voltage_v": (230.0, 230.1, 229.9),
    "temperature_c": 26.0,
}

SOURCE_VECTORS: dict[str, tuple[int, dict[int, str], Reading]] = {
    "sdm120": (4, SDM120, one_phase(12_345_200.0, 1_000.0)),
    "sdm230": (4, SDM230, one_phase(12_345_200.0, 1_000.0)),
    "sdm72d_m": (4, SDM72, Reading(energy_import_wh=12_345_200.0, energy_export_wh=0.0, power_w=11_040.0)),
    "sdm72d_m_2": (4, SDM72V2, three_phases(12_345_200.0, 0.0)),
    "cg_em112": (4, EM112, one_phase(123_456_700.0, 1_000.0)),
    "cg_em24_rs485": (4, EM24_RS485, three_phases(123_456_700.0, 1_000.0, **TENTHS)),
    "cg_em24_e1": (4, EM24_E1, three_phases(123_456_700.0, 1_000.0, **TENTHS, phase_sequence=-1)),
    "cg_em580": (4, EM580, three_phases(1_234_567.0, 1_000.0, **TENTHS)),
    "abb_b21": (3, ABB_B21, one_phase(1_234_560.0, 1_000.0)),
    "orno_we514": (3, WE514, one_phase(1_234_560.0, None)),
    "iskra_wm3m4c": (4, WM3M4C, three_phases(123_456.0, 100.0, **ISKRA)),
    "iskra_ie38": (4, IE38, three_phases(123_456.0, None, **ISKRA)),
    "finder_7m38": (4, FINDER_7M38, three_phases(123_456.0, 100.0)),
    "finder_7m24": (4, FINDER_7M24, one_phase(123_456.0, 100.0)),
    "janitza_b23": (3, JANITZA, three_phases(123_456.0, 100.0, power_factor=None)),
    "siemens_pac2200": (3, PAC2200, three_phases(1_234_567.0, 100.0)),
}
