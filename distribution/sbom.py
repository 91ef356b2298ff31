"""The bill of materials of a package: CycloneDX 1.5 as JSON, made from the lock file and the wheels' own metadata.

The same input gives the same bytes: its serial number is drawn from the contents, its date is that of the sources.
"""

import hashlib
import json
import uuid
from datetime import UTC, datetime
from urllib.parse import quote

from distribution.licences import Bundled
from distribution.targets import Target
from distribution.wheels import Wheel

NAMESPACE = uuid.UUID("6f1b3f0e-4f57-5d0c-9a55-2a6f1a0c7b11")
INSIDE = ("type", "name", "version", "purl", "hashes", "licenses")
SPDX_IDS = frozenset({"Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "MIT", "MIT-0", "MPL-2.0", "PSF-2.0", "Unlicense"})
SPDX_LIKE = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-.+() ")


def sbom(package: str, version: str, target: Target | None, wheels: list[Wheel], parts: list[Bundled], epoch_s: int) -> str:
    """target: None for a package that fits every machine. epoch_s: the date of the sources, seconds since 1970."""
    known = {part.name: part for part in parts}
    # Not pkg:deb: that kind wants the distribution which a package belongs to, and this one belongs to none.
    own = f"pkg:generic/{package}@{quote(version)}" + (f"?arch={target.architecture}&distro={target.suite}" if target else "")
    components = [_component(wheel, known.get(wheel.name)) for wheel in wheels]
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


def _component(wheel: Wheel, part: Bundled | None) -> dict[str, object]:
    purl = f"pkg:pypi/{wheel.name}@{wheel.version}"
    inside = _inside(part) if part else []
    return {
        "type": "library",
        "bom-ref": purl,
        "name": wheel.name,
        "version": wheel.version,
        "purl": purl,
        "hashes": [{"alg": "SHA-256", "content": wheel.sha256}],
        **({"licenses": [_licence(part.licence)]} if part and part.licence else {}),
        **({"components": inside} if inside else {}),
    }


def _licence(text: str) -> dict[str, object]:
    if text in SPDX_IDS:
        return {"license": {"id": text}}
    if (" OR " in text or " AND " in text) and set(text) <= SPDX_LIKE:
        return {"expression": text}
    return {"license": {"name": text}}


def _inside(part: Bundled) -> list[dict[str, object]]:
    """What a wheel says that is compiled into it (PEP 770), such as OpenSSL: a weakness of that is one of the package's."""
    bills = [json.loads(path.read_text()) for path in sorted(part.metadata.glob("sboms/*.json"))]
    return [
        {name: told[name] for name in INSIDE if name in told}
        for bill in bills
        if bill.get("bomFormat") == "CycloneDX"
        for told in bill.get("components", [])
    ]
