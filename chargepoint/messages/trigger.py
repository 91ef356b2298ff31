"""Messages of the Remote Trigger profile (OCPP 1.6, section 6). Owns their fields and bounds."""

from chargepoint.messages.enums import MessageTrigger, TriggerMessageStatus
from chargepoint.messages.types import Confirmation, ConnectorIdOrZero, Request


class TriggerMessageReq(Request, frozen=True, kw_only=True):
    """6.51. Without connectorId: every connector, where the message has one.

    The text says connectorId > 0; 0 is what Central Systems send to ask for the status of the charge point itself, and is for
    the station to answer.
    """

    requested_message: MessageTrigger
    connector_id: ConnectorIdOrZero | None = None


class TriggerMessageConf(Confirmation, frozen=True, kw_only=True):
    """6.52"""

    status: TriggerMessageStatus
