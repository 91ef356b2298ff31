"""From the settings to the files of certificates."""

from pathlib import Path

from chargepoint.settings import Settings
from chargepoint.shell.vault.folder import Places


def places_of(settings: Settings) -> Places:
    security = settings.security
    return Places(
        folder=str(Path(settings.station.state_dir) / "certificates"),
        central_system_root=security.central_system_root,
        manufacturer_root=security.manufacturer_root,
        client_certificate=security.client_certificate,
        client_key=security.client_key,
    )
