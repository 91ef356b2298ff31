"""Security events: the list of "Improved security for OCPP 1.6-J" (section 8), and what becomes of each.

Owns one line per event. Every event that is seen goes into the security log. Critical ones are told to the Central System, and
so are those for which a use case asks for it (A00, A02, L01). AttemptedReplayAttacks is never seen: on one connection nothing
tells a message that was replayed from one that the Central System repeats, and TLS keeps others out.
"""

from enum import StrEnum

from msgspec import Struct

TOLD_BURST = 30  # a laboratory has a station restart, and refuse certificates, many times an hour, and wants to hear of each


class SecurityEvent(StrEnum):
    FirmwareUpdated = "FirmwareUpdated"
    FailedToAuthenticateAtCentralSystem = "FailedToAuthenticateAtCentralSystem"
    CentralSystemFailedToAuthenticate = "CentralSystemFailedToAuthenticate"
    SettingSystemTime = "SettingSystemTime"
    StartupOfTheDevice = "StartupOfTheDevice"
    ResetOrReboot = "ResetOrReboot"
    SecurityLogWasCleared = "SecurityLogWasCleared"
    ReconfigurationOfSecurityParameters = "ReconfigurationOfSecurityParameters"
    MemoryExhaustion = "MemoryExhaustion"
    InvalidMessages = "InvalidMessages"
    AttemptedReplayAttacks = "AttemptedReplayAttacks"
    TamperDetectionActivated = "TamperDetectionActivated"
    InvalidFirmwareSignature = "InvalidFirmwareSignature"
    InvalidFirmwareSigningCertificate = "InvalidFirmwareSigningCertificate"
    InvalidCentralSystemCertificate = "InvalidCentralSystemCertificate"
    InvalidChargePointCertificate = "InvalidChargePointCertificate"
    InvalidTLSVersion = "InvalidTLSVersion"
    InvalidTLSCipherSuite = "InvalidTLSCipherSuite"


class Rule(Struct, frozen=True, kw_only=True):
    """critical: as the list has it. told: the Central System hears of it. seen_by: in words. burst: how many an hour are a line
    each in the log, before the rest is counted.
    """

    critical: bool = False
    told: bool = False
    seen_by: str
    burst: int = 5


def _critical(seen_by: str) -> Rule:
    return Rule(critical=True, told=True, seen_by=seen_by, burst=TOLD_BURST)


def _told(seen_by: str) -> Rule:
    return Rule(told=True, seen_by=seen_by, burst=TOLD_BURST)


def _logged(seen_by: str) -> Rule:
    return Rule(seen_by=seen_by)


E = SecurityEvent
RULES: dict[SecurityEvent, Rule] = {
    E.FirmwareUpdated: _critical("an update of either kind whose version runs"),
    E.FailedToAuthenticateAtCentralSystem: _logged("HTTP 401, or a certificate of this station that was refused"),
    E.CentralSystemFailedToAuthenticate: _logged("a server certificate that was refused while connecting"),
    E.SettingSystemTime: _critical("a time of day that moved by 10 s or more after it was known"),
    E.StartupOfTheDevice: _critical("every start of the process"),
    E.ResetOrReboot: _critical("Reset, and the restart after an installation"),
    E.SecurityLogWasCleared: _critical("a database that had to be set aside: its log went with it"),
    E.ReconfigurationOfSecurityParameters: Rule(
        seen_by="AuthorizationKey, SecurityProfile, CpoName, AllowCentralSystemTLSWildcards, roots, own certificate", burst=60
    ),
    E.MemoryExhaustion: _critical("a disk that is nearly full"),
    E.InvalidMessages: _logged("frames and payloads that cannot be understood"),
    E.AttemptedReplayAttacks: _logged("nothing: what is replayed on one connection looks like what is repeated"),
    E.TamperDetectionActivated: _critical("the input door_open"),
    E.InvalidFirmwareSignature: _told("an image whose signature is not that of its certificate"),
    E.InvalidFirmwareSigningCertificate: _told("a signing certificate that no manufacturer root vouches for"),
    E.InvalidCentralSystemCertificate: _told("a server certificate or a root that is not accepted"),
    E.InvalidChargePointCertificate: _told("a CertificateSigned that is not accepted"),
    E.InvalidTLSVersion: _told("a Central System that speaks nothing newer than TLS 1.1"),
    E.InvalidTLSCipherSuite: _told("a Central System that offers none of the listed suites"),
}
