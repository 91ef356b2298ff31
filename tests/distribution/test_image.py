"""A card's image with the packages in it, made without root: on an image of the layout that Raspberry Pi OS has."""

import configparser
import hashlib
import json
import lzma
import re
import shutil
import struct
import subprocess
from pathlib import Path
from typing import Any

import pytest

from distribution.image import PACKAGES, SWITCHES, SYSTEMD_CONF, WATCHDOG, ImageError, customise, partitions
from distribution.manifest import beside
from hil.bench.toml import document
from tests.settings.documents import broken, valid

MIB = 1 << 20
OWN_ROOT = "-----BEGIN CERTIFICATE-----\n"
FAT_AT, FAT_SIZE = 4 * MIB, 8 * MIB
ROOT_AT, ROOT_SIZE = 12 * MIB, 16 * MIB

needs_tools = pytest.mark.skipif(
    any(shutil.which(tool) is None for tool in ("mformat", "mkfs.ext4", "debugfs", "xz")),
    reason="an image needs tools: apt-get install mtools e2fsprogs xz-utils",
)


def run(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout


def entry(kind: int, start: int, size: int) -> bytes:
    return struct.pack("<B3sB3sII", 0, bytes(3), kind, bytes(3), start // 512, size // 512)


def table(*entries: bytes) -> bytes:
    return bytes(446) + b"".join(entries).ljust(64, b"\0") + b"\x55\xaa"


def lay(image: Path, root: Path) -> None:
    """The folder as the image's root."""
    run("mkfs.ext4", "-q", "-F", "-d", str(root), "-E", f"offset={ROOT_AT}", str(image), f"{ROOT_SIZE // 1024}k")


def listed(image: Path) -> dict[str, Any]:
    """What Raspberry Pi Imager reads of an image."""
    (entry,) = json.loads(beside(image).read_text())["os_list"]
    assert isinstance(entry, dict)
    return entry


@pytest.fixture
def stock(tmp_path: Path) -> Path:
    """FAT with config.txt, ext4 with the folders of a root."""
    image = tmp_path / "stock.img"
    with image.open("wb") as file:
        file.write(table(entry(0x0C, FAT_AT, FAT_SIZE), entry(0x83, ROOT_AT, ROOT_SIZE)))
        file.truncate(ROOT_AT + ROOT_SIZE)
    root = tmp_path / "root"
    for folder in ("etc/systemd/system/multi-user.target.wants", "var/lib", "usr/lib", "usr/bin"):
        (root / folder).mkdir(parents=True)
    (root / "usr/lib/os-release").write_text('PRETTY_NAME="Debian GNU/Linux 12"\nVERSION_CODENAME=bookworm\n')
    lay(image, root)
    run("mformat", "-i", f"{image}@@{FAT_AT}", "-T", str(FAT_SIZE // 512), "::")
    (tmp_path / "config.txt").write_text("[pi5]\nkernel=kernel_2712.img")
    run("mcopy", "-i", f"{image}@@{FAT_AT}", str(tmp_path / "config.txt"), "::config.txt")
    return image


@needs_tools
def test_packages_switches_and_configuration_are_in_it_and_the_file_systems_are_whole(stock: Path, tmp_path: Path) -> None:
    deb, config, made = tmp_path / "chargepoint_1_arm64.deb", tmp_path / "station.toml", tmp_path / "made.img"
    deb.write_bytes(b"!<arch>\n" * 1_000)
    settings = valid()
    settings["security"] = {"central_system_root": "root.pem"}
    (tmp_path / "root.pem").write_text(OWN_ROOT)
    config.write_text(document(settings))
    before = stock.read_bytes()
    customise(stock, made, [deb], config)
    assert stock.read_bytes() == before

    fat, root = f"{made}@@{FAT_AT}", f"{made}?offset={ROOT_AT}"
    switches = run("mtype", "-i", fat, "::config.txt").splitlines()
    assert switches[0] == "[pi5]"
    assert switches[-len(SWITCHES) :] == list(SWITCHES)
    assert "[all]" in switches
    assert run("mtype", "-i", fat, "::chargepoint.toml") == config.read_text()
    assert run("mtype", "-i", fat, "::root.pem") == OWN_ROOT
    run("debugfs", "-R", f"dump {PACKAGES}/{deb.name} {tmp_path / 'back.deb'}", root)
    assert (tmp_path / "back.deb").read_bytes() == deb.read_bytes()
    unit = "/etc/systemd/system/chargepoint-first-boot.service"
    assert f"ConditionDirectoryNotEmpty={PACKAGES}" in run("debugfs", "-R", f"cat {unit}", root)
    (fetch,) = re.findall(r"^Wants=(.+)$", run("debugfs", "-R", f"cat {unit}", root), re.MULTILINE)
    assert "apt-get" in run("debugfs", "-R", f"cat /etc/systemd/system/{fetch}", root)
    wanted = run("debugfs", "-R", "stat /etc/systemd/system/multi-user.target.wants/chargepoint-first-boot.service", root)
    assert f'Fast link dest: "{unit}"' in wanted
    assert "Mode:  0644" in run("debugfs", "-R", f"stat {PACKAGES}/{deb.name}", root)
    watchdog = configparser.ConfigParser()
    watchdog.read_string(run("debugfs", "-R", f"cat {SYSTEMD_CONF}/{WATCHDOG.name}", root))
    assert watchdog["Manager"]["RuntimeWatchdogSec"] == "15"
    run("e2fsck", "-fn", root)

    newer = tmp_path / "chargepoint_2_arm64.deb"
    newer.write_bytes(b"newer")
    again = tmp_path / "again.img"
    customise(made, again, [newer], None)
    assert run("mtype", "-i", f"{again}@@{FAT_AT}", "::config.txt").splitlines() == switches
    assert "chargepoint_2_arm64.deb" in (packages := run("debugfs", "-R", f"ls -p {PACKAGES}", f"{again}?offset={ROOT_AT}"))
    assert deb.name not in packages, "apt would be asked for two versions"
    run("e2fsck", "-fn", f"{again}?offset={ROOT_AT}")


@needs_tools
def test_the_manifest_beside_it_lets_imager_customise_it_in_the_way_of_its_debian(stock: Path, tmp_path: Path) -> None:
    deb = tmp_path / "chargepoint_1+deb12_arm64.deb"
    deb.write_bytes(b"x")
    made = tmp_path / "with space.img"
    customise(stock, made, [deb], None)
    entry = listed(made)
    assert entry["init_format"] == "systemd"
    assert entry["url"] == f"file://{tmp_path}/with%20space.img"
    digest = hashlib.sha256(made.read_bytes()).hexdigest()
    assert (entry["extract_size"], entry["extract_sha256"]) == (made.stat().st_size, digest)
    assert (entry["image_download_size"], entry["image_download_sha256"]) == (made.stat().st_size, digest)
    assert {"name", "description", "icon", "release_date", "devices"} <= entry.keys()  # what Imager requires beside these
    devices = json.loads(beside(made).read_text())["imager"]["devices"]
    assert [tag for device in devices for tag in device["tags"]] == entry["devices"]

    root = tmp_path / "root"
    (root / "usr/lib/os-release").write_text("VERSION_CODENAME=trixie\n")
    (root / "usr/bin/cloud-init").write_text("")
    lay(stock, root)
    with pytest.raises(ImageError, match=r"chargepoint_1\+deb12_arm64.deb is for another Debian than the image's, trixie"):
        customise(stock, made, [deb], None)
    newer = deb.rename(tmp_path / "chargepoint_1+deb13_arm64.deb")
    packed = tmp_path / "packed.img.xz"
    customise(stock, packed, [newer], None, "https://example.org/packed.img.xz")
    entry = listed(packed)
    assert (entry["init_format"], entry["url"]) == ("cloudinit-rpi", "https://example.org/packed.img.xz")
    inside = lzma.decompress(packed.read_bytes())
    assert (entry["extract_size"], entry["extract_sha256"]) == (len(inside), hashlib.sha256(inside).hexdigest())
    assert (entry["image_download_size"], entry["image_download_sha256"]) == (
        packed.stat().st_size,
        hashlib.sha256(packed.read_bytes()).hexdigest(),
    )
    assert not list(tmp_path.glob("*.new*"))


@needs_tools
def test_a_system_that_there_is_no_package_for_is_told(stock: Path, tmp_path: Path) -> None:
    (tmp_path / "root/usr/lib/os-release").write_text("VERSION_CODENAME=bullseye\n")
    lay(stock, tmp_path / "root")
    with pytest.raises(ImageError, match="its system is bullseye; there are packages for Debian bookworm and trixie"):
        customise(stock, tmp_path / "made.img", None, None)
    assert not beside(tmp_path / "made.img").exists()


@needs_tools
def test_a_root_without_room_is_told_and_leaves_no_image(stock: Path, tmp_path: Path) -> None:
    deb = tmp_path / "huge.deb"
    deb.write_bytes(bytes(range(256)) * (ROOT_SIZE // 200))
    with pytest.raises(ImageError, match=r"full\?"):
        customise(stock, tmp_path / "made.img", [deb], None)
    assert not list(tmp_path.glob("made.img*"))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"\xfd7zXZ\0", "still packed"),
        (table(), "no FAT and Linux partition"),
        (table(entry(0x83, ROOT_AT, ROOT_SIZE)), "no FAT and Linux partition"),
    ],
)
def test_what_is_no_image_is_told(content: bytes, words: str, tmp_path: Path) -> None:
    image = tmp_path / "x.img"
    image.write_bytes(content)
    with pytest.raises(ImageError, match=words):
        partitions(image)


@needs_tools
def test_a_configuration_that_the_station_would_refuse_is_refused_before_there_is_an_image(tmp_path: Path) -> None:
    config, source = tmp_path / "station.toml", tmp_path / "stock.img"
    source.write_bytes(table(entry(0x0C, FAT_AT, FAT_SIZE), entry(0x83, ROOT_AT, ROOT_SIZE)))
    config.write_text(document(broken(lambda settings: settings["station"].update(identiy="A"))))
    with pytest.raises(
        ImageError, match=r"identiy: unknown key; did you mean identity\?(.|\n)*station.toml is wrong, so no image"
    ):
        customise(source, tmp_path / "made.img", None, config)
    assert not (tmp_path / "made.img").exists()
