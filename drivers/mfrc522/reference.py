"""What MFRC522 chips and their clones call themselves, and the 64 bytes that their digital self test must give.

Versions 1.0 and 2.0: NXP data sheet, revision 3.9, sections 9.3.4.8 and 16.1.1. FM17522: Fudan's clone, as several public
drivers have it.
"""

NAMES = {
    0x12: "counterfeit MFRC522 (version 0x12)",
    0x88: "FM17522, a clone of the MFRC522",
    0x91: "MFRC522 version 1.0",
    0x92: "MFRC522 version 2.0",
}

SELF_TEST = {
    0x91: bytes.fromhex(
        "00C637D532B7575CC2D87C4DD970C77310E6D2AA5EA13E5A14AF3061C970DB2E"
        "642272B5BD65F4EC22BCD37235CDAA411FA7F35314DE7E02D90FB55E251D2979"
    ),
    0x92: bytes.fromhex(
        "00EB66BA57BF2395D0E30D3D27895CDE9D3BA700215B8982513AEB020CA50049"
        "7C844DB3CCD21B815D4876D5716121A986968338CF9D5B6DDC15BA3E7D953B2F"
    ),
    0x88: bytes.fromhex(
        "00D6788CE2AA0C182AB87A7FD36ACF0BB137634B69AE91C7C397AE77F437D79B"
        "7CF53C118F15C3D7C15B002AD075DE9E5164AB3EE915B5AB569A988226EA2A62"
    ),
}
