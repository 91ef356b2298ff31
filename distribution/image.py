"""`script/image`: puts the packages, config.txt's switches and a configuration into a Raspberry Pi OS image.

    script/image [--config station.toml] [--deb FILE ...] IN.img OUT.img[.xz]

Works on the file alone: no root, no loop device, no foreign processor. FAT by mtools, ext4 by debugfs, both at their offset in
the image. The packages are installed at the first start of the machine, by a unit that is laid beside them. The hardware
watchdog is switched on. Beside the image lies OUT.rpi-imager-manifest: with it Raspberry Pi Imager can customise the image.
"""

import argparse
import filecmp
import re
import shutil
import struct
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from chargepoint.commissioning import NAME, NAMED
from chargepoint.registry import check_file
from chargepoint.settings import read_document
from distribution import wheels
from distribution.manifest import CLOUD_INIT, FIRST_RUN, beside, manifest
from distribution.targets import RELEASES

SECTOR = 512
FAT_TYPES = (0x0B, 0x0C, 0x0E)
LINUX_TYPE = 0x83
PACKAGES = "/var/lib/chargepoint-packages"
UNIT = Path(__file__).with_name("first-boot") / "chargepoint-first-boot.service"
FETCH = UNIT.with_name("chargepoint-first-boot-fetch.service")  # what the other one wants, with the network that it has not
UNITS = "/etc/systemd/system"
WATCHDOG = Path(__file__).with_name("first-boot") / "30-chargepoint-watchdog.conf"
SYSTEMD_CONF = "/etc/systemd/system.conf.d"
SWITCHES = ("dtparam=strict_gpiod", "dtparam=watchdog=on", "dtparam=spi=on")
MARK = "# chargepoint"
TOOL_S = 600.0
PACK_S = 3_600.0


class ImageError(Exception):
    """The image cannot be made; the text says why and what to do."""


class Partitions(NamedTuple):
    """Where the two file systems begin, bytes from the start of the image."""

    fat: int
    root: int


class System(NamedTuple):
    """What Debian is on the root partition, and how Raspberry Pi Imager customises it."""

    suite: str
    init_format: str


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="script/image", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("source", type=Path, metavar="IN.img", help="a Raspberry Pi OS image, 64 bit, unpacked")
    parser.add_argument("target", type=Path, metavar="OUT.img", help="what is written, packed if it ends in .xz; IN.img stays")
    parser.add_argument("--config", type=Path, metavar="FILE", help="laid on the FAT partition as chargepoint.toml")
    parser.add_argument(
        "--deb",
        type=Path,
        action="append",
        metavar="FILE",
        help="a package to install (default: those in build/deb for the image's Debian)",
    )
    parser.add_argument("--url", help="where Imager will fetch the image (default: this file, by its full path)")
    arguments = parser.parse_args()
    try:
        debs = customise(arguments.source, arguments.target, arguments.deb, arguments.config, arguments.url)
    except ImageError as error:
        print(f"script/image: {error}", file=sys.stderr)
        return 1
    print(f"{arguments.target}: {', '.join(deb.name for deb in debs)}" + (", with a configuration" if arguments.config else ""))
    print(f"{beside(arguments.target)}: opened by Raspberry Pi Imager, it lets the image be customised")
    return 0


def customise(source: Path, target: Path, given: list[Path] | None, config: Path | None, url: str | None = None) -> list[Path]:
    """Writes target and its manifest: source with packages, switches and configuration; says which packages. given: None for
    those in build/deb. Raises ImageError; then there is no target.
    """
    packed = target.suffix == ".xz"
    for tool, package in (("mcopy", "mtools"), ("debugfs", "e2fsprogs"), *([("xz", "xz-utils")] if packed else [])):
        if shutil.which(tool) is None:
            raise ImageError(f"{tool} is missing: apt-get install {package}")
    debs = given or []
    missing = [str(path) for path in (source, *debs, *([config] if config else [])) if not path.is_file()]
    if missing:
        raise ImageError(f"{missing[0]}: there is no such file")
    found = partitions(source)
    card = _of_the_card(config) if config else {}
    if target.resolve() == source.resolve():
        raise ImageError(f"{target}: IN.img and OUT.img must be two files")
    system = _system(source, found.root)
    debs = _fitting(given, system)
    target.parent.mkdir(parents=True, exist_ok=True)
    fresh = target.with_name(f"{target.name.removesuffix('.xz')}.new")
    try:
        _run(["cp", "--sparse=always", str(source), str(fresh)])
        with tempfile.TemporaryDirectory() as work:
            _boot_partition(fresh, found.fat, card, Path(work))
            _root_partition(fresh, found.root, debs, Path(work))
        if packed:
            _run(["xz", "--threads=0", "--force", str(fresh)], within_s=PACK_S)
            fresh = fresh.with_name(f"{fresh.name}.xz")
        fresh.replace(target)
    finally:
        fresh.unlink(missing_ok=True)
    made = datetime.fromtimestamp(target.stat().st_mtime, UTC).date()
    description = f"Raspberry Pi OS, Debian {system.suite}, with {', '.join(deb.stem for deb in debs)}"
    beside(target).write_text(manifest(target, description, system.init_format, made, url))
    return debs


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


def _system(image: Path, offset: int) -> System:
    """By the files of the root itself: Raspberry Pi OS has changed its way within Debian 13."""
    place = f"{image}?offset={offset}"
    text = _run(["debugfs", "-R", "cat /usr/lib/os-release", place])
    suite = next((line.partition("=")[2].strip('"') for line in text.splitlines() if line.startswith("VERSION_CODENAME=")), "")
    if suite not in RELEASES:
        raise ImageError(f"{image}: its system is {suite or 'unknown'}; there are packages for Debian {' and '.join(RELEASES)}")
    return System(suite, CLOUD_INIT if _there(place, "/usr/bin/cloud-init") else FIRST_RUN)


def _fitting(given: list[Path] | None, system: System) -> list[Path]:
    """The packages for an image's Debian: those of another one would wait for Python's other version for ever."""
    release = RELEASES[system.suite]
    if given is None:
        patterns = (f"chargepoint_*+{release}_arm64.deb", "chargepoint-mfrc522_*.deb")
        given = [path for pattern in patterns for path in sorted((wheels.ROOT / "build" / "deb").glob(pattern))[-1:]]
    if not given:
        raise ImageError(f"there is no package: script/deb --target {system.suite}-arm64 builds it, or name one with --deb")
    for deb in given:
        named = re.search(r"\+(deb\d+)_", deb.name)
        if named is not None and named[1] != release:
            raise ImageError(
                f"{deb.name} is for another Debian than the image's, {system.suite}: take the one with +{release}_"
            )
    return given


def _of_the_card(config: Path) -> dict[str, Path]:
    """A configuration, and the files that it names beside itself, by their names on the card. Raises ImageError where the
    station would not take it over: nobody wants to hear that from a card in a box on a wall.
    """
    problems = check_file(config).problems
    if problems:
        told = "\n".join(str(problem) for problem in problems)
        raise ImageError(f"{told}\n{config} is wrong, so no image was made")
    document = read_document(config)
    names = [document.get(section, {}).get(key) for section, key in NAMED]
    beside = {name: config.parent / name for name in names if name and not Path(name).is_absolute()}
    if strange := next((name for name in beside if Path(name).name != name), None):
        raise ImageError(f"{config}: {strange} must lie beside it, for on the card it will")
    return {NAME: config, **beside}


def _boot_partition(image: Path, offset: int, card: dict[str, Path], work: Path) -> None:
    at = f"{image}@@{offset}"
    switches = work / "config.txt"
    _run(["mcopy", "-n", "-i", at, "::config.txt", str(switches)])
    text = switches.read_text()
    if MARK not in text:
        switches.write_text(text.rstrip("\n") + "\n\n" + "\n".join((f"{MARK}: see docs/wiring.md", "[all]", *SWITCHES)) + "\n")
        _run(["mcopy", "-o", "-i", at, str(switches), "::config.txt"])
    for name, file in card.items():
        _run(["mcopy", "-o", "-i", at, str(file), f"::{name}"])


def _root_partition(image: Path, offset: int, debs: list[Path], work: Path) -> None:
    place = f"{image}?offset={offset}"
    wanted = f"{UNITS}/multi-user.target.wants/{UNIT.name}"
    files = {f"{PACKAGES}/{deb.name}": deb for deb in debs}
    files |= {f"{UNITS}/{unit.name}": unit for unit in (UNIT, FETCH)}
    files[f"{SYSTEMD_CONF}/{WATCHDOG.name}"] = WATCHDOG
    folders = dict.fromkeys(path.rpartition("/")[0] for path in (*files, wanted))
    # debugfs makes a folder that is there a second time, connected to nothing, and writes a second file of the same name.
    commands = [f"mkdir {folder}" for folder in folders if not _there(place, folder)]
    commands += [f"rm {path}" for path in (*_inside(place, PACKAGES), *files, wanted) if _there(place, path)]
    commands += [f"write {file} {path}" for path, file in files.items()]
    commands.append(f"symlink {wanted} {UNITS}/{UNIT.name}")
    for path in files:
        fields = (("mode", "0100644"), ("uid", 0), ("gid", 0))
        commands += [f"set_inode_field {path} {field} {value}" for field, value in fields]
    _run(["debugfs", "-w", "-f", "-", place], "\n".join(commands) + "\n")
    back = work / "back"
    for path, file in files.items():
        back.unlink(missing_ok=True)
        _run(["debugfs", "-R", f"dump {path} {back}", place])
        if not (back.exists() and filecmp.cmp(back, file, shallow=False)):
            raise ImageError(f"{path} could not be written into the image: is its root partition full?")
    if not _there(place, wanted):
        raise ImageError(f"{wanted} could not be written into the image: is its root partition full?")


def _inside(place: str, folder: str) -> list[str]:
    """The files of a folder; /INODE/MODE/OWNER/GROUP/NAME/SIZE/ is how debugfs lists one."""
    listing = _run(["debugfs", "-R", f"ls -p {folder}", place]).splitlines()
    names = [line.split("/")[5] for line in listing if line.count("/") == 7]
    return [f"{folder}/{name}" for name in names if name not in (".", "..")]


def _there(place: str, path: str) -> bool:
    return "Type:" in _run(["debugfs", "-R", f"stat {path}", place])


def _run(command: list[str], said: str = "", within_s: float = TOOL_S) -> str:
    try:
        done = subprocess.run(command, input=said, capture_output=True, text=True, timeout=within_s, check=True)
    except subprocess.CalledProcessError as error:
        raise ImageError(f"{command[0]} failed: {error.stderr.strip()[-400:]}") from error
    return done.stdout


if __name__ == "__main__":
    sys.exit(main())
