"""Messages of the Local Auth List Management profile (OCPP 1.6, section 6). Owns their fields and bounds."""

from chargepoint.messages.enums import UpdateStatus, UpdateType
from chargepoint.messages.types import AuthorizationData, Confirmation, Integer, Request


class GetLocalListVersionReq(Request, frozen=True, kw_only=True):
    """6.27"""


class GetLocalListVersionConf(Confirmation, frozen=True, kw_only=True):
    """6.28. 0: the list is empty. -1: local lists are not supported."""

    list_version: Integer


class SendLocalListReq(Request, frozen=True, kw_only=True):
    """6.41"""

    list_version: Integer
    local_authorization_list: tuple[AuthorizationData, ...] | None = None
    update_type: UpdateType


class SendLocalListConf(Confirmation, frozen=True, kw_only=True):
    """6.42"""

    status: UpdateStatus
