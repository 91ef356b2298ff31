"""`script/image`: puts the packages, config.txt's switches and a configuration into a Raspberry Pi OS image.

    script/image [--config station.toml] [--deb FILE ...] IN.img OUT.img

Works on the file alone: no root, no loop device, no foreign processor. FAT by mtools, ext4 by debugfs, both at their offset in
the image. The packages are installed at the first start of the machine, by a unit that is laid beside them.
"""

import argparse
import shutil
import struct
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from distribution import wheels

SECTOR = 512
FAT_TYPES = (0x0B, 0x0C, 0x0E)
LINUX_TYPE = 0x83
PACKAGES = "/var/lib/chargepoint-packages"
UNIT = Path(__file__).with_name("first-boot") / "chargepoint-first-boot.service"
UNITS = "/etc/systemd/system"
SWITCHES = ("dtparam=strict_gpiod", "dtparam=watchdog=on", "dtparam=spi=on")
MARK = "# chargepoint"
TOOL_S = 600.0


class ImageError(Exception):
    """The image cannot be made; the text says why and what to do."""


class Partitions(NamedTuple):
    """Where the two file systems begin, bytes from the start of the image."""

    fat: int
    root: int


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="script/image", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("source", type=Path, metavar="IN.img", help="a Raspberry Pi OS image, 64 bit, unpacked")
    parser.add_argument("target", type=Path, metavar="OUT.img", help="what is written; IN.img stays as it is")
    parser.add_argument("--config", type=Path, metavar="FILE", help="laid on the FAT partition as chargepoint.toml")
    parser.add_argument(
        "--deb",
        type=Path,
        action="append",
        metavar="FILE",
        help="a package to install (default: those for bookworm-arm64 in build/deb)",
    )
    arguments = parser.parse_args()
    folder = wheels.ROOT / "build" / "deb"
    patterns = ("chargepoint_*+deb12_arm64.deb", "chargepoint-mfrc522_*.deb")
    debs = arguments.deb or [path for pattern in patterns for path in sorted(folder.glob(pattern))[-1:]]
    try:
        customise(arguments.source, arguments.target, debs, arguments.config)
    except ImageError as error:
        print(f"script/image: {error}", file=sys.stderr)
        return 1
    print(f"{arguments.target}: {', '.join(deb.name for deb in debs)}" + (", with a configuration" if arguments.config else ""))
    return 0


def customise(source: Path, target: Path, debs: list[Path], config: Path | None) -> None:
    """Writes target: source with packages, switches and configuration. Raises ImageError; then there is no target."""
    for tool, package in (("mcopy", "mtools"), ("debugfs", "e2fsprogs")):
        if shutil.which(tool) is None:
            raise ImageError(f"{tool} is missing: apt-get install {package}")
    if not debs:
        raise ImageError("there is no package: script/deb --target bookworm-arm64 builds it, or name one with --deb")
    missing = [str(path) for path in (source, *debs, *([config] if config else [])) if not path.is_file()]
    if missing:
        raise ImageError(f"{missing[0]}: there is no such file")
    found = partitions(source)
    if target.resolve() == source.resolve():
        raise ImageError(f"{target}: IN.img and OUT.img must be two files")
    target.parent.mkdir(parents=True, exist_ok=True)
    beside = target.with_name(f"{target.name}.new")
    try:
        _run(["cp", "--sparse=always", str(source), str(beside)])
        with tempfile.TemporaryDirectory() as work:
            _boot_partition(beside, found.fat, config, Path(work))
            _root_partition(beside, found.root, debs)
        beside.replace(target)
    finally:
        beside.unlink(missing_ok=True)


def partitions(image: Path) -> Partitions:
    """The first FAT and the first Linux partition of an MBR; raises ImageError."""
    with image.open("rb") as file:
        record = file.read(SECTOR)
    if len(record) < SECTOR or record[510:] != b"\x55\xaa":
        raise ImageError(f"{image}: no image of a card; is it still packed (xz --decompress)?")
    fat = root = 0
    for at in range(446, 510, 16):
        kind, start = record[at + 4], struct.unpack_from("<I", record, at + 8)[0] * SECTOR
        if kind in FAT_TYPES and not fat:
            fat = start
        elif kind == LINUX_TYPE and not root:
            root = start
    if not (fat and root):
        raise ImageError(f"{image}: has no FAT and Linux partition side by side; is it a Raspberry Pi OS image?")
    return Partitions(fat, root)


def _boot_partition(image: Path, offset: int, config: Path | None, work: Path) -> None:
    at = f"{image}@@{offset}"
    switches = work / "config.txt"
    _run(["mcopy", "-n", "-i", at, "::config.txt", str(switches)])
    text = switches.read_text()
    if MARK not in text:
        switches.write_text(text.rstrip("\n") + "\n\n" + "\n".join((f"{MARK}: see docs/wiring.md", "[all]", *SWITCHES)) + "\n")
        _run(["mcopy", "-o", "-i", at, str(switches), "::config.txt"])
    if config is not None:
        _run(["mcopy", "-o", "-i", at, str(config), "::chargepoint.toml"])


def _root_partition(image: Path, offset: int, debs: list[Path]) -> None:
    wants = f"{UNITS}/multi-user.target.wants"
    commands = [f"mkdir {PACKAGES}", *(f"write {deb} {PACKAGES}/{deb.name}" for deb in debs)]
    commands += [f"mkdir {wants}", f"write {UNIT} {UNITS}/{UNIT.name}", f"symlink {wants}/{UNIT.name} {UNITS}/{UNIT.name}"]
    for path in (*(f"{PACKAGES}/{deb.name}" for deb in debs), f"{UNITS}/{UNIT.name}"):
        fields = (("mode", "0100644"), ("uid", 0), ("gid", 0))
        commands += [f"set_inode_field {path} {field} {value}" for field, value in fields]
    place = f"{image}?offset={offset}"
    _run(["debugfs", "-w", "-f", "-", place], "\n".join(commands) + "\n")
    for path in (*(f"{PACKAGES}/{deb.name}" for deb in debs), f"{wants}/{UNIT.name}"):
        if "Type:" not in _run(["debugfs", "-R", f"stat {path}", place]):
            raise ImageError(f"{path} could not be written into the image: is its root partition full?")


def _run(command: list[str], said: str = "") -> str:
    try:
        done = subprocess.run(command, input=said, capture_output=True, text=True, timeout=TOOL_S, check=True)
    except subprocess.CalledProcessError as error:
        raise ImageError(f"{command[0]} failed: {error.stderr.strip()[-400:]}") from error
    return done.stdout


if __name__ == "__main__":
    sys.exit(main())
