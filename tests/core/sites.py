"""What a story's station is made of, as the settings file would have said it."""

from typing import Any

from chargepoint.core.site import ConnectorSite, Site


def site_of(connectors: int = 1, *, tethered: bool = False, has_lock: bool = True, each: bool = False, **more: Any) -> Site:
    """A station of equal connectors. each: a reader of its own for every connector. more: fields of Site or ConnectorSite."""
    own: dict[str, Any] = {name: more.pop(name) for name in ("phases", "ventilation") if name in more}
    if "connector_a_max" in more:
        own["current_a_max"] = more.pop("connector_a_max")
    numbers = tuple(range(1, connectors + 1))
    return Site(
        **{
            "identity": "CP1",
            "vendor": "ACME",
            "model": "Post",
            "connectors": tuple(ConnectorSite(number=n, tethered=tethered, has_lock=has_lock, **own) for n in numbers),
            "readers": {n: (n,) for n in numbers} if each else {1: numbers},
            "current_a_max": 32.0 * connectors,
            "first_keys": {},
            **more,
        }
    )
