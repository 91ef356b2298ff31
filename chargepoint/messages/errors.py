"""What is wrong with a payload, in the words of a CALLERROR (OCPP-J 1.6, section 4.2.3)."""

from enum import StrEnum


class ErrorCode(StrEnum):
    """Codes of a CALLERROR (OCPP-J 1.6, section 4.2.3); `OccurenceConstraintViolation` has one r there."""

    NotImplemented = "NotImplemented"
    NotSupported = "NotSupported"
    InternalError = "InternalError"
    ProtocolError = "ProtocolError"
    SecurityError = "SecurityError"
    FormationViolation = "FormationViolation"
    PropertyConstraintViolation = "PropertyConstraintViolation"
    OccurenceConstraintViolation = "OccurenceConstraintViolation"
    TypeConstraintViolation = "TypeConstraintViolation"
    GenericError = "GenericError"


class PayloadError(Exception):
    """A payload that cannot be taken. `description` names the path, what was found and what is allowed, never a secret."""

    def __init__(self, code: ErrorCode, description: str) -> None:
        super().__init__(f"{code}: {description}")
        self.code = code
        self.description = description
