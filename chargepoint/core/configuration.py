"""Configuration: the values of the OCPP keys, and the rules for reading and changing them (OCPP 1.6 sections 5.3, 5.8, 9).

Owns the values and their persistence. Refuses to know what a key does: whoever needs a value asks for it when it needs it, so
that a change takes effect at once and no key of this table wants a reboot.
"""

from chargepoint.core.keys import BY_NAME, FOLLOWS_STATION, KEYS, LINKS_OWN, OFFLINE_BEHAVIOUR, Access, Key, split
from chargepoint.core.measurands import missing_from
from chargepoint.core.records import PutKey
from chargepoint.core.site import Site
from chargepoint.core.step import Step
from chargepoint.facts import Quantity
from chargepoint.messages import ConfigurationStatus, KeyValue

VALUE_LENGTH_MAX = 500  # of a CALL by the schema; what the station itself answers is within it too
LISTS = {
    "MeterValuesAlignedData": "MeterValuesAlignedDataMaxLength",
    "MeterValuesSampledData": "MeterValuesSampledDataMaxLength",
    "StopTxnAlignedData": "StopTxnAlignedDataMaxLength",
    "StopTxnSampledData": "StopTxnSampledDataMaxLength",
    "ConnectorPhaseRotation": "ConnectorPhaseRotationMaxLength",
    "SupportedFeatureProfiles": "SupportedFeatureProfilesMaxLength",
}


def check_initial(name: str, value: str) -> str | None:
    """What is wrong with a first value of a key in the settings file, in words; None where nothing is."""
    key = BY_NAME.get(name.lower())
    if key is None:
        from difflib import get_close_matches

        near = get_close_matches(name, [known.name for known in KEYS], n=1)
        return "is no known OCPP key" + (f"; did you mean {near[0]}?" if near else "")
    if key.name in FOLLOWS_STATION:
        return "follows from the station itself and cannot be set"
    if key.name in LINKS_OWN:
        return f"belongs into [central_system], as {LINKS_OWN[key.name]}"
    return key.check(value)


class Configuration:
    """All keys by lower-case name. Values from the store win over the settings file, and that over the table."""

    def __init__(self, site: Site, stored: dict[str, str]) -> None:
        self._values = {key.name: key.first for key in KEYS}
        self._values |= OFFLINE_BEHAVIOUR[site.offline_behaviour]
        self._values["ConnectorPhaseRotation"] = ",".join(f"{one.number}.{one.phase_rotation}" for one in site.connectors)
        self._values["ConnectorPhaseRotationMaxLength"] = str(len(site.connectors) + 1)
        for name, value in site.first_keys.items():
            key = BY_NAME[name.lower()]
            self._values[key.name] = _normal(key, value)
        self._values["NumberOfConnectors"] = str(len(site.connectors))
        self._values["SupportedFileTransferProtocols"] = ",".join(site.file_transfer_protocols)
        for name, value in stored.items():
            known = BY_NAME.get(name.lower())
            if known is not None and known.access is not Access.READ_ONLY and known.check(value) is None:
                self._values[known.name] = value  # what an older program took and this one would not is left out
        if "LocalAuthListManagement" not in self.members("SupportedFeatureProfiles"):
            self._values["LocalAuthListEnabled"] = "false"  # nobody can bring the list up to date: it lets nobody in
        self._quantities: frozenset[Quantity] | None = None

    def text(self, name: str) -> str:
        return self._values[name]

    def whole(self, name: str) -> int:
        return int(self._values[name])

    def boolean(self, name: str) -> bool:
        return self._values[name].strip().lower() == "true"

    def members(self, name: str) -> tuple[str, ...]:
        return split(self._values[name])

    def meter_gives(self, quantities: frozenset[Quantity]) -> None:
        """What the meters can give altogether; lists of measurands are held against it."""
        self._quantities = (self._quantities or frozenset()) | quantities

    def read(self, names: list[str]) -> tuple[list[KeyValue], list[str]]:
        """Known keys as spelled here, and the unknown names. An empty list means every key that may be read."""
        if not names:
            return [self._shown(key) for key in KEYS if self._readable(key)], []
        found: list[KeyValue] = []
        unknown: list[str] = []
        asked: dict[str, str] = {}
        for name in names:
            asked.setdefault(name.lower(), name)
        for lower, name in asked.items():
            key = BY_NAME.get(lower)
            if key is None or not self._readable(key):
                unknown.append(name)
            else:
                found.append(self._shown(key))
        return found, unknown

    def change(self, name: str, value: str, step: Step) -> tuple[ConfigurationStatus, str]:
        """Takes a new value, or says why not."""
        key = BY_NAME.get(name.lower())
        if key is None or not self._offered(key):
            return ConfigurationStatus.NotSupported, f"{name} is no known key"
        if key.access is Access.READ_ONLY:
            return ConfigurationStatus.Rejected, f"{key.name} is read-only"
        wrong = self._wrong(key, value)
        if wrong is not None:
            return ConfigurationStatus.Rejected, f"{key.name} {wrong}"
        self._store(key, _normal(key, value), step)
        return ConfigurationStatus.Accepted, ""

    def mirror(self, name: str, value: str) -> None:
        """A value that a block owns and stores itself (SecurityProfile)."""
        self._values[name] = value

    def follow(self, name: str, value: str, step: Step) -> None:
        """A value that the Central System gave by other means (HeartbeatInterval by BootNotification.conf)."""
        key = BY_NAME[name.lower()]
        if key.check(value) is None:
            self._store(key, value, step)

    def forget(self, name: str, step: Step) -> None:
        """Back to the first value, as if nobody had ever given one."""
        key = BY_NAME[name.lower()]
        self._store(key, key.first, step)

    def _offered(self, key: Key) -> bool:
        """Keys of a feature profile that is switched off do not exist."""
        return key.profile == "Core" or key.profile in self.members("SupportedFeatureProfiles")

    def _readable(self, key: Key) -> bool:
        return key.access is not Access.WRITE_ONLY and self._offered(key)

    def _store(self, key: Key, value: str, step: Step) -> None:
        if self._values[key.name] != value:
            self._values[key.name] = value
            step.change(PutKey(key.name, value))

    def _wrong(self, key: Key, value: str) -> str | None:
        wrong = key.check(value)
        if wrong is not None:
            return wrong
        bound = LISTS.get(key.name)
        if bound is not None:
            if len(split(value)) > self.whole(bound):
                return f"may have {self.whole(bound)} members, found {len(split(value))}"
            if key.name != "ConnectorPhaseRotation" and self._quantities is not None:
                missing = missing_from(value, self._quantities)
                if missing is not None:
                    return f"names {missing}, which no meter of this station gives"
        return None

    def _shown(self, key: Key) -> KeyValue:
        return KeyValue(key=key.name, readonly=key.access is Access.READ_ONLY, value=self._values[key.name][:VALUE_LENGTH_MAX])


def _normal(key: Key, value: str) -> str:
    """Truth in lower case, numbers without blanks or signs; everything else as it came."""
    text = value.strip()
    if key.first in ("true", "false"):
        return text.lower()
    if key.first.isdecimal():
        return str(int(text))
    return text
