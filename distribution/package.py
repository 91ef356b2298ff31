"""Packages: a tree of files and its control data, made the same way every time, and packed by dpkg-deb.

No virtual environment: the bundled wheels lie in /usr/lib/chargepoint beside the program, and only `chargepoint` has them on
its path. What Debian has in a version that fits (spidev) is a dependency. The module mfrc522 is
a package of its own, for its licence is another one.
"""

import gzip
import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from chargepoint.store.schema import STEPS
from distribution import licences, wheels
from distribution.sbom import sbom
from distribution.targets import Target

ROOT = wheels.ROOT
SCRIPTS = Path(__file__).with_name("debian")
HOME = Path("usr/lib/chargepoint")
READER_PACKAGE = "chargepoint-mfrc522"
MAINTAINER = "the makers of chargepoint <makers@chargepoint.invalid>"
PACK_S = 300.0
SOURCES = ("chargepoint", "drivers")
UNITS = Path("usr/lib/systemd/system")
INSTALLED = {  # what lies in systemd/ besides units, and where it goes
    "chargepoint.sysusers": "usr/lib/sysusers.d/chargepoint.conf",
    "60-chargepoint.rules": "usr/lib/udev/rules.d/60-chargepoint.rules",
    "chargepoint-panel-listen": "usr/lib/systemd/system-generators/chargepoint-panel-listen",
    "install-image": "usr/lib/chargepoint/install-image",
}
DOCUMENTS = ("README.md", "CHANGELOG.md", "SECURITY.md", "docs/*.md", "docs/*.svg")
PICTURE = re.compile(r"!\[[^]]*\]\(([^):]+\.png)\)")
FOR_DEVELOPERS = ("conformance.md",)
LAUNCHER = """\
#!/usr/bin/python3 -EsP
import sys

sys.path.insert(0, "/usr/lib/chargepoint")

from chargepoint.cli.main import main

sys.exit(main())
"""
READER_PRERM = """\
#!/bin/sh
set -e
rm -rf /usr/lib/chargepoint/mfrc522/__pycache__
"""


def build(target: Target, into: Path, version: str, epoch_s: int, compression: str = "xz") -> Path:
    """The package `chargepoint` for a target; its file. epoch_s: the date that everything in it has."""
    fetched = wheels.fetch(target.name, target)
    full = target.version(version)
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder)
        _programs(tree / HOME, version)
        for path in fetched.values():
            wheels.unpack(path, tree / HOME)
        parts = [part for part in licences.bundled(tree / HOME) if part.name != "chargepoint"]
        _documents(tree, parts)
        _licences(tree, "chargepoint", licences.OWN, parts)
        bill = sbom("chargepoint", full, target, list(fetched), parts, epoch_s)
        _put(tree / "usr/share/doc/chargepoint/sbom.cdx.json", bill)
        _put(tree / "usr/bin/chargepoint", LAUNCHER, 0o755)
        for path in sorted((ROOT / "systemd").iterdir()):
            _put(tree / INSTALLED.get(path.name, f"{UNITS}/{path.name}"), path.read_text(), path.stat().st_mode & 0o755)
        for path in sorted(SCRIPTS.iterdir()):
            _put(tree / "DEBIAN" / path.name, _filled_in(path.read_text()), 0o755)
        control = {
            "Package": "chargepoint",
            "Version": full,
            "Architecture": target.architecture,
            "Depends": target.depends,
            "Recommends": target.recommends,
            "Description": "OCPP 1.6J controller for charging stations\n"
            " Reads energy meters, cards and control pilots, drives contactors, and speaks\n"
            " OCPP 1.6J with a Central System.",
        }
        _put(into / f"chargepoint_{full}_{target.architecture}.cdx.json", bill)
        return _pack(tree, control, into, epoch_s, compression)


def build_reader(into: Path, epoch_s: int, compression: str = "xz") -> Path:
    """The package with the module mfrc522 and nothing else."""
    fetched = wheels.fetch(wheels.READER, None)
    ((wheel, path),) = fetched.items()
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder)
        wheels.unpack(path, tree / HOME)
        _put(tree / "DEBIAN/prerm", READER_PRERM, 0o755)
        parts = licences.bundled(tree / HOME)
        _licences(tree, READER_PACKAGE, f"This package holds {wheel.name} and nothing else.", parts)
        bill = sbom(READER_PACKAGE, wheel.version, None, list(fetched), parts, epoch_s)
        _put(tree / f"usr/share/doc/{READER_PACKAGE}/sbom.cdx.json", bill)
        control = {
            "Package": READER_PACKAGE,
            "Version": f"{wheel.version}-1",
            "Architecture": "all",
            "Depends": "python3",
            "Enhances": "chargepoint",
            "Description": "register access to RC522 card readers, for chargepoint\n"
            " The Python module mfrc522 under the GNU General Public License, version 3.\n"
            " Stations with a reader of another kind do not need it.",
        }
        return _pack(tree, control, into, epoch_s, compression)


def _filled_in(script: str) -> str:
    """@SCHEMA@: the newest version of the database's tables that the packed program knows. @UNITS@: those that are enabled.

    They are started in this order: what takes over the card's file comes before the station.
    """
    units = [path.name for path in sorted((ROOT / "systemd").iterdir()) if "[Install]" in path.read_text()]
    assert units.index("chargepoint-commission.service") < units.index("chargepoint.service")
    return script.replace("@SCHEMA@", str(len(STEPS))).replace("@UNITS@", " ".join(units))


def _programs(home: Path, version: str) -> None:
    for source in SOURCES:
        shutil.copytree(ROOT / source, home / source, ignore=shutil.ignore_patterns("__pycache__"))
    _put(home / f"chargepoint-{version}.dist-info/METADATA", f"Metadata-Version: 2.1\nName: chargepoint\nVersion: {version}\n")


def _documents(tree: Path, parts: list[licences.Bundled]) -> None:
    home = tree / "usr/share/doc/chargepoint"
    for pattern in DOCUMENTS:
        for path in sorted(ROOT.glob(pattern)):
            if path.name not in FOR_DEVELOPERS:
                _put(home / path.relative_to(ROOT), path.read_text())
                _pictures(home, path)
    for path in sorted((ROOT / "config").glob("*.toml")):
        _put(home / "examples" / path.name, path.read_text())
    changes = gzip.compress((ROOT / "CHANGELOG.md").read_bytes(), mtime=0)
    (home / "changelog.gz").write_bytes(changes)


def _pictures(home: Path, page: Path) -> None:
    """Those that a page shows, and no other: they are large."""
    for name in PICTURE.findall(page.read_text()):
        picture = page.parent / name
        place = home / picture.relative_to(ROOT)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(picture, place)
        place.chmod(0o644)


def _licences(tree: Path, package: str, own: str, parts: list[licences.Bundled]) -> None:
    """The texts leave the modules' metadata for the place where Debian's users look."""
    home = tree / "usr/share/doc" / package
    _put(home / "copyright", licences.copyright_page(package, own, parts))
    for part in parts:
        for text in part.texts:
            place = home / "licences" / part.name / text.name
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(text, place)


def _put(path: Path, text: str, mode: int = 0o644) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)


def _pack(tree: Path, control: dict[str, str], into: Path, epoch_s: int, compression: str) -> Path:
    """Everything owned by root, with one date and one of two modes; sorted by dpkg-deb itself."""
    files = sorted(path for path in tree.rglob("*") if path.is_file() and path.relative_to(tree).parts[0] != "DEBIAN")
    sums = "".join(
        f"{hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()}  {path.relative_to(tree)}\n" for path in files
    )
    size_kib = sum(-(-path.stat().st_size // 1024) for path in files)
    fields = {**control, "Maintainer": MAINTAINER, "Section": "net", "Priority": "optional", "Installed-Size": str(size_kib)}
    description = fields.pop("Description")
    text = "".join(f"{name}: {value}\n" for name, value in fields.items()) + f"Description: {description}\n"
    _put(tree / "DEBIAN/control", text)
    _put(tree / "DEBIAN/md5sums", sums)
    for path in (tree, *tree.rglob("*")):
        path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
        os.utime(path, (epoch_s, epoch_s))
    into.mkdir(parents=True, exist_ok=True)
    made = into / f"{control['Package']}_{control['Version']}_{control['Architecture']}.deb"
    subprocess.run(
        ["dpkg-deb", "--root-owner-group", f"-Z{compression}", "--build", str(tree), str(made)],
        check=True,
        capture_output=True,
        timeout=PACK_S,
        env={**os.environ, "SOURCE_DATE_EPOCH": str(epoch_s)},
    )
    return made
