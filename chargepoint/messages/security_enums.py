"""Enumerations of "Improved security for OCPP 1.6-J": values and members as spelled there, named without `EnumType`.

Owns the words that the security extension adds to those of OCPP 1.6.
"""

from enum import StrEnum


class GenericStatus(StrEnum):
    """Answer to SignCertificate."""

    Accepted = "Accepted"
    Rejected = "Rejected"


class CertificateSignedStatus(StrEnum):
    """Answer to CertificateSigned."""

    Accepted = "Accepted"
    Rejected = "Rejected"


class CertificateStatus(StrEnum):
    """Answer to InstallCertificate; Failed: valid but not stored, Rejected: not valid or not wanted."""

    Accepted = "Accepted"
    Failed = "Failed"
    Rejected = "Rejected"


class DeleteCertificateStatus(StrEnum):
    """Answer to DeleteCertificate."""

    Accepted = "Accepted"
    Failed = "Failed"
    NotFound = "NotFound"


class CertificateUse(StrEnum):
    """Which root a certificate is."""

    CentralSystemRootCertificate = "CentralSystemRootCertificate"
    ManufacturerRootCertificate = "ManufacturerRootCertificate"


class GetInstalledCertificateStatus(StrEnum):
    """Answer to GetInstalledCertificateIds."""

    Accepted = "Accepted"
    NotFound = "NotFound"


class HashAlgorithm(StrEnum):
    """Hash of a CertificateHashData."""

    SHA256 = "SHA256"
    SHA384 = "SHA384"
    SHA512 = "SHA512"


class LogType(StrEnum):
    """Which log GetLog asks for."""

    DiagnosticsLog = "DiagnosticsLog"
    SecurityLog = "SecurityLog"


class LogStatus(StrEnum):
    """AcceptedCanceled: accepted, and a running upload was given up for it."""

    Accepted = "Accepted"
    Rejected = "Rejected"
    AcceptedCanceled = "AcceptedCanceled"


class UploadLogStatus(StrEnum):
    """Course of a log upload."""

    BadMessage = "BadMessage"
    Idle = "Idle"
    NotSupportedOperation = "NotSupportedOperation"
    PermissionDenied = "PermissionDenied"
    Uploaded = "Uploaded"
    UploadFailure = "UploadFailure"
    Uploading = "Uploading"


class ExtendedMessageTrigger(StrEnum):
    """What ExtendedTriggerMessage may ask for."""

    BootNotification = "BootNotification"
    LogStatusNotification = "LogStatusNotification"
    FirmwareStatusNotification = "FirmwareStatusNotification"
    Heartbeat = "Heartbeat"
    MeterValues = "MeterValues"
    SignChargePointCertificate = "SignChargePointCertificate"
    StatusNotification = "StatusNotification"


class SignedFirmwareStatus(StrEnum):
    """Course of a SignedUpdateFirmware."""

    Downloaded = "Downloaded"
    DownloadFailed = "DownloadFailed"
    Downloading = "Downloading"
    DownloadScheduled = "DownloadScheduled"
    DownloadPaused = "DownloadPaused"
    Idle = "Idle"
    InstallationFailed = "InstallationFailed"
    Installing = "Installing"
    Installed = "Installed"
    InstallRebooting = "InstallRebooting"
    InstallScheduled = "InstallScheduled"
    InstallVerificationFailed = "InstallVerificationFailed"
    InvalidSignature = "InvalidSignature"
    SignatureVerified = "SignatureVerified"


class UpdateFirmwareStatus(StrEnum):
    """Answer to SignedUpdateFirmware."""

    Accepted = "Accepted"
    Rejected = "Rejected"
    AcceptedCanceled = "AcceptedCanceled"
    InvalidCertificate = "InvalidCertificate"
    RevokedCertificate = "RevokedCertificate"
