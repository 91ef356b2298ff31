"""Messages of the Reservation profile (OCPP 1.6, section 6). Owns their fields and bounds."""

from chargepoint.messages.enums import CancelReservationStatus, ReservationStatus
from chargepoint.messages.types import Confirmation, ConnectorIdOrZero, IdToken, Integer, Request, Timestamp


class CancelReservationReq(Request, frozen=True, kw_only=True):
    """6.5"""

    reservation_id: Integer


class CancelReservationConf(Confirmation, frozen=True, kw_only=True):
    """6.6"""

    status: CancelReservationStatus


class ReserveNowReq(Request, frozen=True, kw_only=True):
    """6.37. connectorId 0 reserves no connector in particular."""

    connector_id: ConnectorIdOrZero
    expiry_date: Timestamp
    id_tag: IdToken
    parent_id_tag: IdToken | None = None
    reservation_id: Integer


class ReserveNowConf(Confirmation, frozen=True, kw_only=True):
    """6.38"""

    status: ReservationStatus
