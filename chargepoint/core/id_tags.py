"""Id tags: how they compare (OCPP 1.6 section 7.28, IdToken)."""


def same_id(one: str | None, other: str | None) -> bool:
    """Whether two id tags are the same: they are case insensitive, and none is never the same as another none."""
    return one is not None and other is not None and one.casefold() == other.casefold()
