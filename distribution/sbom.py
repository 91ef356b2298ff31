"""The bill of materials of a package: CycloneDX 1.5 as JSON, made from the lock file and the wheels' own metadata.

The same input gives the same bytes: its serial number is drawn from the contents, its date is that of the sources.
"""

import hashlib
import json
import uuid
from datetime import UTC, datetime

from distribution.licences import Bundled
from distribution.targets import Target
from distribution.wheels import Wheel

NAMESPACE = uuid.UUID("6f1b3f0e-4f57-5d0c-9a55-2a6f1a0c7b11")
SPDX_LIKE = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-.+() ")


def sbom(package: str, version: str, target: Target | None, wheels: list[Wheel], parts: list[Bundled], epoch_s: int) -> str:
    """target: None for a package that fits every machine. epoch_s: the date of the sources, seconds since 1970."""
    licences = {part.name: part.licence for part in parts}
    own = f"pkg:deb/{package}@{version}" + (f"?arch={target.architecture}&distro={target.suite}" if target else "")
    components = [_component(wheel, licences.get(wheel.name, "")) for wheel in wheels]
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {
            "timestamp": datetime.fromtimestamp(epoch_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "component": {"type": "application", "bom-ref": own, "name": package, "version": version, "purl": own},
        },
        "components": components,
        "dependencies": [
            {"ref": own, "dependsOn": [component["bom-ref"] for component in components]},
            *({"ref": component["bom-ref"]} for component in components),
        ],
    }
    seed = hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()
    return json.dumps({"serialNumber": f"urn:uuid:{uuid.uuid5(NAMESPACE, seed)}", **document}, indent=1) + "\n"


def _component(wheel: Wheel, licence: str) -> dict[str, object]:
    purl = f"pkg:pypi/{wheel.name}@{wheel.version}"
    expression = " OR " in licence or " AND " in licence
    said = {"expression": licence} if expression and set(licence) <= SPDX_LIKE else {"license": {"name": licence}}
    return {
        "type": "library",
        "bom-ref": purl,
        "name": wheel.name,
        "version": wheel.version,
        "purl": purl,
        "hashes": [{"alg": "SHA-256", "content": wheel.sha256}],
        **({"licenses": [said]} if licence else {}),
    }
