"""Enumerations of OCPP 1.6, section 7: values and members as spelled there.

Owns the words, and nothing of what they lead to. A member is named as its value, with `_` for the dots and hyphens that a
Python name cannot have.
"""

from enum import StrEnum


class RegistrationStatus(StrEnum):
    """Answer to BootNotification."""

    Accepted = "Accepted"
    Pending = "Pending"
    Rejected = "Rejected"


class AuthorizationStatus(StrEnum):
    """State of an idTag."""

    Accepted = "Accepted"
    Blocked = "Blocked"
    Expired = "Expired"
    Invalid = "Invalid"
    ConcurrentTx = "ConcurrentTx"


class AvailabilityType(StrEnum):
    """What ChangeAvailability asks."""

    Inoperative = "Inoperative"
    Operative = "Operative"


class AvailabilityStatus(StrEnum):
    """Scheduled: applied when the running transaction has ended."""

    Accepted = "Accepted"
    Rejected = "Rejected"
    Scheduled = "Scheduled"


class CancelReservationStatus(StrEnum):
    """Answer to CancelReservation."""

    Accepted = "Accepted"
    Rejected = "Rejected"


class ConfigurationStatus(StrEnum):
    """Answer to ChangeConfiguration; NotSupported means an unknown key."""

    Accepted = "Accepted"
    Rejected = "Rejected"
    RebootRequired = "RebootRequired"
    NotSupported = "NotSupported"


class ClearCacheStatus(StrEnum):
    """Answer to ClearCache."""

    Accepted = "Accepted"
    Rejected = "Rejected"


class ClearChargingProfileStatus(StrEnum):
    """Unknown: no profile matched."""

    Accepted = "Accepted"
    Unknown = "Unknown"


class DataTransferStatus(StrEnum):
    """Answer to DataTransfer."""

    Accepted = "Accepted"
    Rejected = "Rejected"
    UnknownMessageId = "UnknownMessageId"
    UnknownVendorId = "UnknownVendorId"


class DiagnosticsStatus(StrEnum):
    """Course of a diagnostics upload."""

    Idle = "Idle"
    Uploaded = "Uploaded"
    UploadFailed = "UploadFailed"
    Uploading = "Uploading"


class FirmwareStatus(StrEnum):
    """Course of an UpdateFirmware."""

    Downloaded = "Downloaded"
    DownloadFailed = "DownloadFailed"
    Downloading = "Downloading"
    Idle = "Idle"
    InstallationFailed = "InstallationFailed"
    Installing = "Installing"
    Installed = "Installed"


class GetCompositeScheduleStatus(StrEnum):
    """Answer to GetCompositeSchedule."""

    Accepted = "Accepted"
    Rejected = "Rejected"


class RemoteStartStopStatus(StrEnum):
    """Answer to RemoteStartTransaction and RemoteStopTransaction."""

    Accepted = "Accepted"
    Rejected = "Rejected"


class ReservationStatus(StrEnum):
    """Answer to ReserveNow."""

    Accepted = "Accepted"
    Faulted = "Faulted"
    Occupied = "Occupied"
    Rejected = "Rejected"
    Unavailable = "Unavailable"


class ResetType(StrEnum):
    """Hard: at once. Soft: after sessions were stopped gracefully."""

    Hard = "Hard"
    Soft = "Soft"


class ResetStatus(StrEnum):
    """Answer to Reset."""

    Accepted = "Accepted"
    Rejected = "Rejected"


class UpdateType(StrEnum):
    """How SendLocalList changes the list."""

    Differential = "Differential"
    Full = "Full"


class UpdateStatus(StrEnum):
    """Answer to SendLocalList."""

    Accepted = "Accepted"
    Failed = "Failed"
    NotSupported = "NotSupported"
    VersionMismatch = "VersionMismatch"


class ChargingProfileStatus(StrEnum):
    """Answer to SetChargingProfile."""

    Accepted = "Accepted"
    Rejected = "Rejected"
    NotSupported = "NotSupported"


class MessageTrigger(StrEnum):
    """What TriggerMessage may ask for."""

    BootNotification = "BootNotification"
    DiagnosticsStatusNotification = "DiagnosticsStatusNotification"
    FirmwareStatusNotification = "FirmwareStatusNotification"
    Heartbeat = "Heartbeat"
    MeterValues = "MeterValues"
    StatusNotification = "StatusNotification"


class TriggerMessageStatus(StrEnum):
    """Answer to TriggerMessage and ExtendedTriggerMessage."""

    Accepted = "Accepted"
    Rejected = "Rejected"
    NotImplemented = "NotImplemented"


class UnlockStatus(StrEnum):
    """Answer to UnlockConnector."""

    Unlocked = "Unlocked"
    UnlockFailed = "UnlockFailed"
    NotSupported = "NotSupported"


class ChargePointErrorCode(StrEnum):
    """Errors of a StatusNotification."""

    ConnectorLockFailure = "ConnectorLockFailure"
    EVCommunicationError = "EVCommunicationError"
    GroundFailure = "GroundFailure"
    HighTemperature = "HighTemperature"
    InternalError = "InternalError"
    LocalListConflict = "LocalListConflict"
    NoError = "NoError"
    OtherError = "OtherError"
    OverCurrentFailure = "OverCurrentFailure"
    PowerMeterFailure = "PowerMeterFailure"
    PowerSwitchFailure = "PowerSwitchFailure"
    ReaderFailure = "ReaderFailure"
    ResetFailure = "ResetFailure"
    UnderVoltage = "UnderVoltage"
    OverVoltage = "OverVoltage"
    WeakSignal = "WeakSignal"


class ChargePointStatus(StrEnum):
    """Status of a connector; connector 0 knows Available, Unavailable and Faulted only."""

    Available = "Available"
    Preparing = "Preparing"
    Charging = "Charging"
    SuspendedEVSE = "SuspendedEVSE"
    SuspendedEV = "SuspendedEV"
    Finishing = "Finishing"
    Reserved = "Reserved"
    Unavailable = "Unavailable"
    Faulted = "Faulted"


class Reason(StrEnum):
    """Why a transaction ended; Local where a StopTransaction.req has none."""

    EmergencyStop = "EmergencyStop"
    EVDisconnected = "EVDisconnected"
    HardReset = "HardReset"
    Local = "Local"
    Other = "Other"
    PowerLoss = "PowerLoss"
    Reboot = "Reboot"
    Remote = "Remote"
    SoftReset = "SoftReset"
    UnlockCommand = "UnlockCommand"
    DeAuthorized = "DeAuthorized"


class ReadingContext(StrEnum):
    """Sample.Periodic where a SampledValue has none."""

    Interruption_Begin = "Interruption.Begin"
    Interruption_End = "Interruption.End"
    Sample_Clock = "Sample.Clock"
    Sample_Periodic = "Sample.Periodic"
    Transaction_Begin = "Transaction.Begin"
    Transaction_End = "Transaction.End"
    Trigger = "Trigger"
    Other = "Other"


class ValueFormat(StrEnum):
    """Raw where a SampledValue has none."""

    Raw = "Raw"
    SignedData = "SignedData"


class Measurand(StrEnum):
    """Energy.Active.Import.Register where a SampledValue has none."""

    Energy_Active_Export_Register = "Energy.Active.Export.Register"
    Energy_Active_Import_Register = "Energy.Active.Import.Register"
    Energy_Reactive_Export_Register = "Energy.Reactive.Export.Register"
    Energy_Reactive_Import_Register = "Energy.Reactive.Import.Register"
    Energy_Active_Export_Interval = "Energy.Active.Export.Interval"
    Energy_Active_Import_Interval = "Energy.Active.Import.Interval"
    Energy_Reactive_Export_Interval = "Energy.Reactive.Export.Interval"
    Energy_Reactive_Import_Interval = "Energy.Reactive.Import.Interval"
    Power_Active_Export = "Power.Active.Export"
    Power_Active_Import = "Power.Active.Import"
    Power_Offered = "Power.Offered"
    Power_Reactive_Export = "Power.Reactive.Export"
    Power_Reactive_Import = "Power.Reactive.Import"
    Power_Factor = "Power.Factor"
    Current_Import = "Current.Import"
    Current_Export = "Current.Export"
    Current_Offered = "Current.Offered"
    Voltage = "Voltage"
    Frequency = "Frequency"
    Temperature = "Temperature"
    SoC = "SoC"
    RPM = "RPM"


class Phase(StrEnum):
    """The phase or pair that a value belongs to; none: the whole."""

    L1 = "L1"
    L2 = "L2"
    L3 = "L3"
    N = "N"
    L1_N = "L1-N"
    L2_N = "L2-N"
    L3_N = "L3-N"
    L1_L2 = "L1-L2"
    L2_L3 = "L2-L3"
    L3_L1 = "L3-L1"


class Location(StrEnum):
    """Outlet where a SampledValue has none."""

    Cable = "Cable"
    EV = "EV"
    Inlet = "Inlet"
    Outlet = "Outlet"
    Body = "Body"


class UnitOfMeasure(StrEnum):
    """Wh where an energy value has none.

    Celcius is the specification's own first spelling and is understood; Celsius is the one to send. Hertz is in the schema of
    MeterValues and not in that of StopTransaction: send Frequency without a unit, which means hertz (section 7.31).
    """

    Wh = "Wh"
    kWh = "kWh"
    varh = "varh"
    kvarh = "kvarh"
    W = "W"
    kW = "kW"
    VA = "VA"
    kVA = "kVA"
    var = "var"
    kvar = "kvar"
    A = "A"
    V = "V"
    K = "K"
    Celcius = "Celcius"
    Celsius = "Celsius"
    Fahrenheit = "Fahrenheit"
    Percent = "Percent"
    Hertz = "Hertz"


class ChargingProfilePurposeType(StrEnum):
    """What a charging profile limits."""

    ChargePointMaxProfile = "ChargePointMaxProfile"
    TxDefaultProfile = "TxDefaultProfile"
    TxProfile = "TxProfile"


class ChargingProfileKindType(StrEnum):
    """What a schedule starts from."""

    Absolute = "Absolute"
    Recurring = "Recurring"
    Relative = "Relative"


class RecurrencyKindType(StrEnum):
    """Period of a Recurring profile."""

    Daily = "Daily"
    Weekly = "Weekly"


class ChargingRateUnitType(StrEnum):
    """Unit of the limits of a schedule: A per phase, W over all phases."""

    A = "A"
    W = "W"
