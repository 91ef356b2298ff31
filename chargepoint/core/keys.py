"""Keys: the table of OCPP configuration keys, with access, first value and what a value may be (OCPP 1.6 section 9).

Owns one line per key. Refuses to know who changes a value and what follows from it.
"""

from collections.abc import Callable
from enum import Enum, auto
from functools import lru_cache

from msgspec import Struct

from chargepoint.core.measurands import check_measurands

Check = Callable[[str], str | None]
INT_MAX = 2_147_483_647
HEARTBEAT_MAX_S = 604_800


class Access(Enum):
    READ_WRITE = auto()
    READ_ONLY = auto()
    WRITE_ONLY = auto()


class Key(Struct, frozen=True, kw_only=True):
    """One key. `check` returns what is wrong with a value, in words, or None. profile: with which feature profile it exists.

    first_only: an operator may give its first value in the settings file, though the Central System may not write it.
    """

    name: str
    first: str
    check: Check
    access: Access = Access.READ_WRITE
    profile: str = "Core"


def whole(low: int, high: int = INT_MAX) -> Check:
    """A whole number between the bounds, both included."""

    def check(value: str) -> str | None:
        text = value.strip()
        digits = text[1:] if text[:1] in ("+", "-") else text
        if not digits.isdecimal() or not digits.isascii() or len(digits) > 20:
            return f"must be a whole number, found {value[:50]!r}"
        if not low <= int(text) <= high:
            return f"must lie between {low} and {high}, found {text}"
        return None

    return check


def boolean(value: str) -> str | None:
    return None if value.strip().lower() in ("true", "false") else f"must be true or false, found {value!r}"


def one_of(*words: str) -> Check:
    """One of the words, with regard to case."""

    def check(value: str) -> str | None:
        return None if value in words else f"must be one of {', '.join(words)}, found {value!r}"

    return check


def words_of(*words: str) -> Check:
    """A list, separated by commas, of the words."""

    def check(value: str) -> str | None:
        for word in split(value):
            if word not in words:
                return f"may list {', '.join(words)}; found {word!r}"
        return None

    return check


def profiles(value: str) -> str | None:
    """A list of feature profiles; Core is always among them."""
    if "Core" not in split(value):
        return f"must list Core, found {value!r}"
    return words_of(*PROFILES)(value)


@lru_cache(maxsize=64)
def split(value: str) -> tuple[str, ...]:
    """The members of a comma separated list, without blanks around them."""
    return tuple(word.strip() for word in value.split(",") if word.strip())


def units(value: str) -> str | None:
    """ChargingScheduleAllowedChargingRateUnit: what schedules may be given in (section 9.4)."""
    return words_of("Current", "Power")(value) if split(value) else "must name Current, Power or both, found nothing"


def phase_rotation(value: str) -> str | None:
    """`0.RST,1.RST`, or one word for every connector (section 9.1.7)."""
    rotations = ("NotApplicable", "Unknown", "RST", "RTS", "SRT", "STR", "TRS", "TSR")
    for member in split(value):
        number, dot, rotation = member.rpartition(".")
        if rotation not in rotations or (dot and not number.isdecimal()):
            return f"must look like 0.RST,1.RST with {', '.join(rotations)}; found {member!r}"
    return None


def organization(value: str) -> str | None:
    """CpoName: an organisation's name as a certificate may carry it (X.520: 64 characters)."""
    if len(value) > 64 or not value.isprintable():
        return "must be at most 64 printable characters, the organisation of the station's certificate"
    return None


def hexadecimal(value: str) -> str | None:
    """AuthorizationKey: 16 to 40 hexadecimal digits, two a byte ("Improved security", section 4)."""
    digits = all(character in "0123456789abcdefABCDEF" for character in value)
    if not digits or len(value) % 2 or not 16 <= len(value) <= 40:
        return "must be 16 to 40 hexadecimal digits, two for each byte"
    return None


RO, WO = Access.READ_ONLY, Access.WRITE_ONLY
PROFILES = ("Core", "FirmwareManagement", "LocalAuthListManagement", "Reservation", "RemoteTrigger", "SmartCharging")

KEYS: tuple[Key, ...] = (
    Key(name="AdditionalRootCertificateCheck", first="false", check=boolean, access=RO),
    Key(name="AllowCentralSystemTLSWildcards", first="false", check=boolean),
    Key(name="AllowOfflineTxForUnknownId", first="false", check=boolean),
    Key(name="AuthorizationCacheEnabled", first="true", check=boolean),
    Key(name="AuthorizationKey", first="", check=hexadecimal, access=WO),
    Key(name="AuthorizeRemoteTxRequests", first="false", check=boolean),
    Key(name="BlinkRepeat", first="2", check=whole(0, 1_000)),
    Key(name="CertificateSignedMaxChainSize", first="10000", check=whole(1, 10_000), access=RO),
    Key(name="CertificateStoreMaxLength", first="20", check=whole(1, 50), access=RO),
    Key(name="ChargeProfileMaxStackLevel", first="20", check=whole(0, 1_000), access=RO, profile="SmartCharging"),
    Key(name="ChargingScheduleAllowedChargingRateUnit", first="Current,Power", check=units, access=RO, profile="SmartCharging"),
    Key(name="ChargingScheduleMaxPeriods", first="200", check=whole(1, 1_000), access=RO, profile="SmartCharging"),
    Key(name="ClockAlignedDataInterval", first="0", check=whole(0, 86_400)),
    Key(name="ConnectionTimeOut", first="60", check=whole(0, 86_400)),
    Key(name="ConnectorPhaseRotation", first="", check=phase_rotation),
    Key(name="ConnectorPhaseRotationMaxLength", first="33", check=whole(1), access=RO),
    # No contactor of a station that this program knows switches phases one by one.
    Key(name="ConnectorSwitch3to1PhaseSupported", first="false", check=one_of("false"), access=RO, profile="SmartCharging"),
    Key(name="CpoName", first="", check=organization),
    Key(name="GetConfigurationMaxKeys", first="100", check=whole(1), access=RO),
    Key(name="HeartbeatInterval", first="300", check=whole(1, HEARTBEAT_MAX_S)),
    Key(name="LightIntensity", first="100", check=whole(0, 100)),
    Key(name="LocalAuthListEnabled", first="true", check=boolean, profile="LocalAuthListManagement"),
    Key(name="LocalAuthListMaxLength", first="100000", check=whole(1, 100_000), access=RO, profile="LocalAuthListManagement"),
    Key(name="LocalAuthorizeOffline", first="true", check=boolean),
    Key(name="LocalPreAuthorize", first="false", check=boolean),
    Key(name="MaxChargingProfilesInstalled", first="100", check=whole(1, 1_000), access=RO, profile="SmartCharging"),
    Key(name="MaxEnergyOnInvalidId", first="0", check=whole(0)),
    Key(name="MeterValuesAlignedData", first="Energy.Active.Import.Register", check=check_measurands),
    Key(name="MeterValuesAlignedDataMaxLength", first="20", check=whole(1), access=RO),
    Key(name="MeterValuesSampledData", first="Energy.Active.Import.Register", check=check_measurands),
    Key(name="MeterValuesSampledDataMaxLength", first="20", check=whole(1), access=RO),
    Key(name="MeterValueSampleInterval", first="60", check=whole(0, 86_400)),
    Key(name="MinimumStatusDuration", first="0", check=whole(0, 86_400)),
    Key(name="NumberOfConnectors", first="1", check=whole(1, 32), access=RO),
    Key(name="ReserveConnectorZeroSupported", first="true", check=boolean, access=RO, profile="Reservation"),
    Key(name="ResetRetries", first="1", check=whole(0, 100)),
    Key(name="SecurityProfile", first="0", check=whole(0, 3)),
    Key(name="SendLocalListMaxLength", first="10000", check=whole(1, 10_000), access=RO, profile="LocalAuthListManagement"),
    Key(name="StopTransactionOnEVSideDisconnect", first="true", check=boolean),
    Key(name="StopTransactionOnInvalidId", first="true", check=boolean),
    Key(name="StopTxnAlignedData", first="", check=check_measurands),
    Key(name="StopTxnAlignedDataMaxLength", first="20", check=whole(1), access=RO),
    Key(name="StopTxnSampledData", first="", check=check_measurands),
    Key(name="StopTxnSampledDataMaxLength", first="20", check=whole(1), access=RO),
    Key(name="SupportedFeatureProfiles", first=",".join(PROFILES), check=profiles, access=RO),
    Key(name="SupportedFeatureProfilesMaxLength", first="6", check=whole(1), access=RO),
    Key(name="SupportedFileTransferProtocols", first="", check=words_of(), access=RO),
    Key(name="TransactionMessageAttempts", first="3", check=whole(1, 1_000)),
    Key(name="TransactionMessageRetryInterval", first="60", check=whole(0, 86_400)),
    Key(name="UnlockConnectorOnEVSideDisconnect", first="true", check=boolean),
    Key(name="WebSocketPingInterval", first="60", check=whole(0, 86_400)),
)

BY_NAME: dict[str, Key] = {key.name.lower(): key for key in KEYS}

OFFLINE_BEHAVIOUR: dict[str, dict[str, str]] = {
    "out_of_service": {"LocalAuthorizeOffline": "false", "AllowOfflineTxForUnknownId": "false"},
    "accept_all": {"LocalAuthorizeOffline": "true", "AllowOfflineTxForUnknownId": "true"},
    "cache": {"LocalAuthorizeOffline": "true", "AuthorizationCacheEnabled": "true", "AllowOfflineTxForUnknownId": "false"},
    "local_list": {
        "LocalAuthorizeOffline": "true",
        "AuthorizationCacheEnabled": "false",
        "AllowOfflineTxForUnknownId": "false",
    },
}
"""What each `offline_behaviour` of the settings file means, as first values of keys."""

LINKS_OWN = {"AuthorizationKey": "authorization_key", "SecurityProfile": "security_profile"}
"""Keys whose first value is a setting of the link, with that setting's name."""

FOLLOWS_STATION = frozenset({"NumberOfConnectors", "SupportedFileTransferProtocols"})
"""Keys whose value the station itself gives; the settings file may not."""
