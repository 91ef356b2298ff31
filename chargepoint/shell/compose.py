"""From the settings file to what the core must know of its station."""

from chargepoint.core.site import ConnectorSite, Site
from chargepoint.settings import Settings, initial_configuration
from chargepoint.shell.address import key_mark


def site_of(
    settings: Settings,
    *,
    firmware_version: str | None = None,
    can_install: bool = False,
    file_transfer_protocols: tuple[str, ...] = (),
) -> Site:
    """The station that the settings describe. firmware_version: what the installer says that runs, where it says so."""
    station = settings.station
    connectors = tuple(
        ConnectorSite(
            number=int(name),
            tethered=connector.cable == "tethered",
            has_lock=connector.lock is not None,
            current_a_max=connector.current_a_max,
            phases=connector.phases,
            phase_rotation=connector.phase_rotation,
            ventilation=connector.ventilation,
            closing_s=connector.closing_s,
            opening_s=connector.opening_s,
        )
        for name, connector in sorted(settings.connectors.items(), key=lambda item: int(item[0]))
    )
    return Site(
        identity=station.identity,
        vendor=station.vendor,
        model=station.model,
        connectors=connectors,
        readers={int(name): reader.connectors for name, reader in settings.readers.items()},
        serial_number=station.serial_number,
        firmware_version=firmware_version or station.firmware_version,
        iccid=station.iccid,
        imsi=station.imsi,
        meter_type=station.meter_type,
        meter_serial_number=station.meter_serial_number,
        current_a_max=station.current_a_max,
        offline_behaviour=station.offline_behaviour,
        metering=station.metering,
        energy_unit=station.energy_unit,
        after_power_loss=station.after_power_loss,
        free_vend=station.free_vend,
        free_vend_id_tag=station.free_vend_id_tag,
        call_timeout_s=settings.central_system.call_timeout_s,
        can_install=can_install,
        has_inputs=settings.inputs is not None,
        security_profile=settings.central_system.security_profile,
        key_mark=key_mark(settings.central_system.authorization_key),
        renew_before_s=settings.security.renew_before_days * 86_400.0,
        key_type=settings.security.key_type,
        file_transfer_protocols=file_transfer_protocols,
        first_keys=initial_configuration(settings),
    )
