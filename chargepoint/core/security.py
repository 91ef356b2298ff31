"""Security: which certificates the station has, as far as its rules must know ("Improved security for OCPP 1.6-J", section 2).

Owns what the vault told. Refuses to know files and keys.
"""

from chargepoint.core.vault_records import VaultContents


class Security:
    def __init__(self) -> None:
        self.contents = VaultContents()
