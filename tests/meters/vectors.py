"""Registers as they stand in the makers' tables, written out by hand, and the Reading that must come of them."""

from chargepoint.facts import Reading

SDM630 = {
    0: "4366 0000 4366 8000 4365 8000",  # 230.0 230.5 229.5 V
    6: "4180 0000 4181 0000 417F 0000",  # 16.0 16.125 15.9375 A
    12: "4566 0000 4567 0000 4565 0000",  # 3680 3696 3664 W
    52: "462C 8000",  # 11040 W
    54: "0000 0000 0000 0000 0000 0000 0000 0000",
    62: "3F7E 0000",  # 0.992
    64: "0000 0000 0000 0000 0000 0000",
    70: "4248 0000",  # 50.0 Hz
    72: "4640 E4CD",  # 12345.2 kWh
    74: "3F80 0000",  # 1 kWh
}
EM340 = {  # least significant word first
    0: "0900 0000 0901 0000 08FF 0000",  # 230.4 230.5 230.3 V
    12: "3E80 0000 0000 0000 FFFF FFFF",  # 16.000 0 -0.001 A
    18: "8FC0 0000 0000 0000 0000 0000",  # 3680.0 W
    40: "8FC0 0000",
    46: "03DE 0000 0000 03DE",  # 0.990
    51: "01F4",  # 50.0 Hz
    52: "D687 0012",  # 1234567 x 0.1 kWh
    78: "000A 0000",  # 1.0 kWh
}
B23 = {
    0x5000: "0000 0000 0001 E240 FFFF FFFF FFFF FFFF",  # 1234.56 kWh, export has no value
    0x5B00: "0000 08FC 0000 08FD 0000 08FB",  # 230.0 230.1 229.9 V
    0x5B0C: "0000 0640 FFFF FFFF 0000 0000",  # 16.00 A, none, 0
    0x5B14: "0005 9D80 0005 9D80 7FFF FFFF FFFF FF9C",  # 3680.00 W, L1 the same, L2 no value, L3 -1.00 W
    0x5B2C: "1388",  # 50.00 Hz
    0x5B3A: "7FFF",  # no power factor
}
IEM3155 = {
    2999: "4180 0000 4180 0000 4180 0000",
    3027: "4366 0000 4366 0000 4366 0000",
    3053: "406B 851F 0000 0000 FFC0 0000",  # 3.68 kW, 0, not there (NaN)
    3059: "406B 851F",
    3083: "3FA0 0000",  # 1.25: a quadrant code, no power factor
    3109: "4247 F5C3",  # 49.99 Hz
    45099: "42F6 E979 0000 0000",  # 123.456 kWh, 0
}
PRO380 = {
    0x5002: "4366 0000 4366 0000 4366 0000 4248 0000",
    0x500C: "4180 0000 0000 0000 0000 0000 406B 851F 406B 851F 0000 0000 0000 0000",
    0x502A: "3F80 0000",
    0x600C: "4145 851F",  # 12.345 kWh
    0x6018: "0000 0000",
}
WE516 = {
    0x000E: "4366 0000 4366 0000 4366 0000 4248 0000",
    0x0016: "4180 0000 4180 0000 4180 0000 4130 A3D7 406B 851F 406B 851F 406B 851F",
    0x0034: "3F7D 70A4",
    0x0108: "4145 851F",
    0x0110: "3F80 0000",
}
WE504 = {0: "08FC 00A0 01F4 0E60 0000 0E60 03DE 0001 E240"}
DVH4013 = {
    0: "0000 0000 0000 8FC0 0000 59D8 0000 59D8 0000 59D8 0000 3E80 0000 3E80 0000 3E80 0000 03E8 0000 C350",
    0x4000: "0001 E240",
    0x4100: "0000 0064",
}

VECTORS: dict[str, tuple[int, dict[int, str], Reading]] = {
    "sdm630": (
        4,
        SDM630,
        Reading(
            energy_import_wh=12_345_200.0,
            energy_export_wh=1_000.0,
            power_w=11_040.0,
            power_w_phases=(3_680.0, 3_696.0, 3_664.0),
            current_a=(16.0, 16.125, 15.938),
            voltage_v=(230.0, 230.5, 229.5),
            frequency_hz=50.0,
            power_factor=0.992,
        ),
    ),
    "cg_em340": (
        4,
        EM340,
        Reading(
            energy_import_wh=123_456_700.0,
            energy_export_wh=1_000.0,
            power_w=3_680.0,
            power_w_phases=(3_680.0, 0.0, 0.0),
            current_a=(16.0, 0.0, 0.001),
            voltage_v=(230.4, 230.5, 230.3),
            frequency_hz=50.0,
            power_factor=0.99,
        ),
    ),
    "abb_b23": (
        3,
        B23,
        Reading(
            energy_import_wh=1_234_560.0,
            energy_export_wh=None,
            power_w=3_680.0,
            power_w_phases=(3_680.0, None, -1.0),
            current_a=(16.0, None, 0.0),
            voltage_v=(230.0, 230.1, 229.9),
            frequency_hz=50.0,
            power_factor=None,
        ),
    ),
    "schneider_iem3155": (
        3,
        IEM3155,
        Reading(
            energy_import_wh=123_456.0,
            energy_export_wh=0.0,
            power_w=3_680.0,
            power_w_phases=(3_680.0, 0.0, None),
            current_a=(16.0, 16.0, 16.0),
            voltage_v=(230.0, 230.0, 230.0),
            frequency_hz=49.99,
            power_factor=None,
        ),
    ),
    "inepro_pro380": (
        3,
        PRO380,
        Reading(
            energy_import_wh=12_345.0,
            energy_export_wh=0.0,
            power_w=3_680.0,
            power_w_phases=(3_680.0, 0.0, 0.0),
            current_a=(16.0, 0.0, 0.0),
            voltage_v=(230.0, 230.0, 230.0),
            frequency_hz=50.0,
            power_factor=1.0,
        ),
    ),
    "orno_we516": (
        3,
        WE516,
        Reading(
            energy_import_wh=12_345.0,
            energy_export_wh=1_000.0,
            power_w=11_040.0,
            power_w_phases=(3_680.0, 3_680.0, 3_680.0),
            current_a=(16.0, 16.0, 16.0),
            voltage_v=(230.0, 230.0, 230.0),
            frequency_hz=50.0,
            power_factor=0.99,
        ),
    ),
    "orno_we504": (
        3,
        WE504,
        Reading(
            energy_import_wh=123_456.0,
            power_w=3_680.0,
            current_a=(16.0, None, None),
            voltage_v=(230.0, None, None),
            frequency_hz=50.0,
            power_factor=0.99,
        ),
    ),
    "dzg_dvh4013": (
        3,
        DVH4013,
        Reading(
            energy_import_wh=123_456.0,
            energy_export_wh=100.0,
            power_w=-3_680.0,
            current_a=(16.0, 16.0, 16.0),
            voltage_v=(230.0, 230.0, 230.0),
            frequency_hz=50.0,
            power_factor=1.0,
        ),
    ),
}
