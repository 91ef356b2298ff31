"""Imports every module that the installed package has: its own, the bundled ones, and each compiled part of these.

Runs in the machine, by the Python that the package depends on. Prints how many as one line of JSON, and which of its own want
lgpio and have none.
"""

import importlib
import json
import pkgutil
import sys
from pathlib import Path

HOME = Path("/usr/lib/chargepoint")
OWN = ("chargepoint", "drivers")
PINS = "lgpio"  # bundled, or the machine's own where there is no wheel
READER = "mfrc522"  # wants RPi.GPIO when it is imported; its driver knows how


def main() -> None:
    sys.path.insert(0, str(HOME))
    top = {
        path.name.partition(".")[0]
        for path in HOME.iterdir()
        if (path / "__init__.py").exists() or path.suffix in (".py", ".so")
    }
    bundled = sorted(top - {*OWN, READER})
    compiled = sorted(
        ".".join((*path.relative_to(HOME).parts[:-1], path.name.partition(".")[0]))
        for path in HOME.rglob("*.so")
        if path.parent == HOME or (path.parent / "__init__.py").exists()
    )
    own = [name for top_name in OWN for _, name, _ in pkgutil.walk_packages([str(HOME / top_name)], f"{top_name}.")]
    without: list[str] = []
    for name in (*bundled, *compiled, *(name for name in own if not name.endswith("__main__"))):
        try:
            importlib.import_module(name)
        except ModuleNotFoundError as error:
            if error.name != PINS or PINS in top:
                raise
            without.append(name)
    if (HOME / READER).exists():
        importlib.import_module("drivers.mfrc522.package")._package_class()
    print(json.dumps({"bundled": len(bundled), "compiled": len(compiled), "own": len(own), "without": without}))


if __name__ == "__main__":
    main()
