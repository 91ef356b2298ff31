"""The manifest that Raspberry Pi Imager reads: how an image of one's own is customised (host name, Wi-Fi, users).

The form is Imager's list of systems, version 4 (its repository, doc/json-schema and doc/os_customisation_formats.md): Imager 2
customises a local image by `init_format` alone, Imager 1 takes systemd for granted.
"""

import hashlib
import json
import lzma
from datetime import date
from pathlib import Path

SUFFIX = ".rpi-imager-manifest"
CHUNK = 1 << 20
FIRST_RUN = "systemd"  # firstrun.sh, called by the kernel's command line: Debian 12
CLOUD_INIT = "cloudinit-rpi"  # user-data, network-config, and the Raspberry Pi's own part: Debian 13
# Imager shows no list before a device is chosen, and hides what does not name the chosen one: 64 bit alone.
DEVICES = (
    ("Raspberry Pi 5", "Raspberry Pi 5, 500, Compute Module 5", "pi5-64bit"),
    ("Raspberry Pi 4", "Raspberry Pi 4, 400, Compute Module 4", "pi4-64bit"),
    ("Raspberry Pi 3, Zero 2 W", "Raspberry Pi 3, Zero 2 W, Compute Module 3", "pi3-64bit"),
)


def manifest(image: Path, description: str, init_format: str, released: date, url: str | None = None) -> str:
    """image: .img or .img.xz. url: where Imager finds it, else this file by its full path."""
    size, digest = _unpacked(image)
    packed = hashlib.sha256()
    with image.open("rb") as file:
        while chunk := file.read(CHUNK):
            packed.update(chunk)
    entry = {
        "name": "Charging station",
        "description": description,
        "icon": "",
        "url": url or image.resolve().as_uri(),
        "extract_size": size,
        "extract_sha256": digest,
        "image_download_size": image.stat().st_size,
        "image_download_sha256": packed.hexdigest(),
        "release_date": released.isoformat(),
        "init_format": init_format,
        "architecture": "armv8",
        "devices": [tag for _, _, tag in DEVICES],
    }
    devices = [{"name": name, "description": text, "tags": [tag], "matching_type": "exclusive"} for name, text, tag in DEVICES]
    return json.dumps({"imager": {"devices": devices}, "os_list": [entry]}, indent=2) + "\n"


def beside(image: Path) -> Path:
    """The manifest's place: that of the image, with its own ending."""
    return image.with_name(image.name.removesuffix(".xz").removesuffix(".img") + SUFFIX)


def _unpacked(image: Path) -> tuple[int, str]:
    """Size and SHA-256 of what is written to a card."""
    size, digest = 0, hashlib.sha256()
    with lzma.open(image) if image.suffix == ".xz" else image.open("rb") as file:
        while chunk := file.read(CHUNK):
            size += len(chunk)
            digest.update(chunk)
    return size, digest.hexdigest()
