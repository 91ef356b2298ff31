"""DataTransfer: vendor specific messages from the Central System (OCPP 1.6 section 5.6).

Owns the registered handlers, by vendorId and messageId. Refuses to do anything else with what nobody registered for:
UnknownVendorId, UnknownMessageId. A handler is a pure function of the data and the site.
"""

import json
from collections.abc import Callable

from chargepoint.core.site import Site
from chargepoint.messages import DataTransferConf, DataTransferReq, DataTransferStatus

Handler = Callable[[str | None, Site], DataTransferConf]


def _station(_: str | None, site: Site) -> DataTransferConf:
    """What the station is: model, firmware and connectors, as JSON."""
    facts = {
        "vendor": site.vendor,
        "model": site.model,
        "serialNumber": site.serial_number,
        "firmwareVersion": site.firmware_version,
        "connectors": [{"connectorId": one.number, "currentMax": one.current_a_max} for one in site.connectors],
    }
    return DataTransferConf(status=DataTransferStatus.Accepted, data=json.dumps(facts))


HANDLERS: dict[str, dict[str | None, Handler]] = {"org.chargepoint": {"Station": _station}}


def answer_data_transfer(req: DataTransferReq, site: Site) -> DataTransferConf:
    vendor = HANDLERS.get(req.vendor_id)
    if vendor is None:
        return DataTransferConf(status=DataTransferStatus.UnknownVendorId)
    handler = vendor.get(req.message_id)
    if handler is None:
        return DataTransferConf(status=DataTransferStatus.UnknownMessageId)
    return handler(req.data, site)
