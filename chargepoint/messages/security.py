"""Messages of "Improved security for OCPP 1.6-J". Owns their fields and bounds; knows nothing of keys and certificates."""

from typing import Annotated

from msgspec import Meta

from chargepoint.messages.enums import TriggerMessageStatus
from chargepoint.messages.security_enums import (
    CertificateSignedStatus,
    CertificateStatus,
    CertificateUse,
    DeleteCertificateStatus,
    ExtendedMessageTrigger,
    GenericStatus,
    GetInstalledCertificateStatus,
    HashAlgorithm,
    LogStatus,
    LogType,
    SignedFirmwareStatus,
    UpdateFirmwareStatus,
    UploadLogStatus,
)
from chargepoint.messages.types import (
    CiString50,
    CiString255,
    Confirmation,
    ConnectorIdOrZero,
    Count,
    DurationS,
    Integer,
    Message,
    Request,
    Timestamp,
)

_Pem = Annotated[str, Meta(max_length=5500)]
_Url = Annotated[str, Meta(max_length=512)]


class CertificateHashData(Message, frozen=True, kw_only=True):
    """Names a certificate; the hashes in hexadecimal, as is the serial number."""

    hash_algorithm: HashAlgorithm
    issuer_name_hash: Annotated[str, Meta(max_length=128)]
    issuer_key_hash: Annotated[str, Meta(max_length=128)]
    serial_number: Annotated[str, Meta(max_length=40)]


class Firmware(Message, frozen=True, kw_only=True):
    """A signed image: certificate in PEM, signature in base64."""

    location: _Url
    retrieve_date_time: Timestamp
    install_date_time: Timestamp | None = None
    signing_certificate: _Pem
    signature: Annotated[str, Meta(max_length=800)]


class LogParameters(Message, frozen=True, kw_only=True):
    """Where a log goes and which part of it."""

    remote_location: _Url
    oldest_timestamp: Timestamp | None = None
    latest_timestamp: Timestamp | None = None


class CertificateSignedReq(Request, frozen=True, kw_only=True):
    """A chain in PEM, leaf first."""

    certificate_chain: Annotated[str, Meta(max_length=10_000)]


class CertificateSignedConf(Confirmation, frozen=True, kw_only=True):
    """Rejected: the chain does not verify."""

    status: CertificateSignedStatus


class DeleteCertificateReq(Request, frozen=True, kw_only=True):
    """Removes one root certificate."""

    certificate_hash_data: CertificateHashData


class DeleteCertificateConf(Confirmation, frozen=True, kw_only=True):
    """Answer to DeleteCertificateReq."""

    status: DeleteCertificateStatus


class ExtendedTriggerMessageReq(Request, frozen=True, kw_only=True):
    """TriggerMessage with the messages of the security extension."""

    requested_message: ExtendedMessageTrigger
    connector_id: ConnectorIdOrZero | None = None


class ExtendedTriggerMessageConf(Confirmation, frozen=True, kw_only=True):
    """Answer to ExtendedTriggerMessageReq."""

    status: TriggerMessageStatus


class GetInstalledCertificateIdsReq(Request, frozen=True, kw_only=True):
    """Asks for the root certificates of one use."""

    certificate_type: CertificateUse


class GetInstalledCertificateIdsConf(Confirmation, frozen=True, kw_only=True):
    """None, never an empty list, where there is no certificate."""

    certificate_hash_data: Annotated[tuple[CertificateHashData, ...], Meta(min_length=1)] | None = None
    status: GetInstalledCertificateStatus


class GetLogReq(Request, frozen=True, kw_only=True):
    """Asks for an upload; `retryInterval` in seconds."""

    log: LogParameters
    log_type: LogType
    request_id: Integer
    retries: Count | None = None
    retry_interval: DurationS | None = None


class GetLogConf(Confirmation, frozen=True, kw_only=True):
    """Without filename there is nothing to upload. (GetDiagnostics.conf spells it fileName.)"""

    status: LogStatus
    filename: CiString255 | None = None


class InstallCertificateReq(Request, frozen=True, kw_only=True):
    """Installs one root certificate."""

    certificate_type: CertificateUse
    certificate: _Pem


class InstallCertificateConf(Confirmation, frozen=True, kw_only=True):
    """Answer to InstallCertificateReq."""

    status: CertificateStatus


class LogStatusNotificationReq(Request, frozen=True, kw_only=True):
    """requestId is that of the GetLog; None only with Idle."""

    status: UploadLogStatus
    request_id: Integer | None = None


class LogStatusNotificationConf(Confirmation, frozen=True, kw_only=True):
    """Empty."""


class SecurityEventNotificationReq(Request, frozen=True, kw_only=True):
    """`type` is an event of the list in the white paper, or a vendor's own."""

    type: CiString50
    timestamp: Timestamp
    tech_info: CiString255 | None = None


class SecurityEventNotificationConf(Confirmation, frozen=True, kw_only=True):
    """Empty."""


class SignCertificateReq(Request, frozen=True, kw_only=True):
    """A certificate signing request (RFC 2986) in PEM."""

    csr: _Pem


class SignCertificateConf(Confirmation, frozen=True, kw_only=True):
    """Accepted: CertificateSigned will follow."""

    status: GenericStatus


class SignedFirmwareStatusNotificationReq(Request, frozen=True, kw_only=True):
    """requestId is that of the SignedUpdateFirmware; None only with Idle."""

    status: SignedFirmwareStatus
    request_id: Integer | None = None


class SignedFirmwareStatusNotificationConf(Confirmation, frozen=True, kw_only=True):
    """Empty."""


class SignedUpdateFirmwareReq(Request, frozen=True, kw_only=True):
    """`retryInterval` in seconds."""

    retries: Count | None = None
    retry_interval: DurationS | None = None
    request_id: Integer
    firmware: Firmware


class SignedUpdateFirmwareConf(Confirmation, frozen=True, kw_only=True):
    """Answer to SignedUpdateFirmwareReq."""

    status: UpdateFirmwareStatus
