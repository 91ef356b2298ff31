"""Licences of what is bundled: the texts from the wheels, and one page that names them all (Debian's `copyright`)."""

import re
from email.parser import HeaderParser
from pathlib import Path
from typing import NamedTuple

TEXT_NAMES = ("licen", "copying", "notice", "authors", "copyright")
CLASSIFIER = "License :: "
OWN = "The licence of chargepoint itself is agreed between its makers and whoever they give it to; this package grants none."


class Bundled(NamedTuple):
    """One bundled project: its names, what its metadata says of its licence, the licence's own files, and where its metadata
    lies.
    """

    name: str
    version: str
    licence: str
    home: str
    texts: tuple[Path, ...]
    metadata: Path


def bundled(folder: Path) -> list[Bundled]:
    """Every project unpacked in a folder, by its metadata."""
    return [_read(path) for path in sorted(folder.glob("*.dist-info"), key=lambda path: path.name.lower())]


def copyright_page(package: str, own: str, parts: list[Bundled]) -> str:
    """`copyright`: own: what there is to say of the package's own files."""
    lines = [
        "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/",
        f"Upstream-Name: {package}",
        "",
        "Files: *",
        "Copyright: the makers of chargepoint",
        "License: as-below",
        f" {own}",
    ]
    for part in parts:
        lines += [
            "",
            f"Files: usr/lib/chargepoint/{part.name.replace('-', '_')}*",
            f"Comment: {part.name} {part.version}, {part.home or 'without a home page'}; "
            + (f"its texts lie in licences/{part.name}" if part.texts else "it comes without a text"),
            f"Copyright: the authors of {part.name}",
            f"License: {part.licence}",
        ]
    return "\n".join(lines) + "\n"


def _read(folder: Path) -> Bundled:
    said = HeaderParser().parsestr((folder / "METADATA").read_text(encoding="utf-8"))
    inside = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    texts = tuple(path for path in inside if any(name in path.name.lower() for name in TEXT_NAMES))
    homes = [line.partition(",")[2].strip() for line in said.get_all("Project-URL", [])]
    name = re.sub(r"[-_.]+", "-", said["Name"]).lower()
    home = next((text for text in (said["Home-page"], *homes) if text and text != "UNKNOWN"), "")
    return Bundled(name, said["Version"], _licence(said), home, texts, folder)


def _licence(said: object) -> str:
    """The expression, else the classifiers, else the field where it is one line."""
    get, get_all = said.get, said.get_all  # type: ignore[attr-defined]
    if expression := get("License-Expression"):
        return str(expression)
    classifiers = [line.rpartition(" :: ")[2] for line in get_all("Classifier", []) if line.startswith(CLASSIFIER)]
    field = str(get("License") or "").strip()
    if field and field != "UNKNOWN" and "\n" not in field and len(field) < 60:
        return field
    return ", ".join(classifiers) or "see its text"
