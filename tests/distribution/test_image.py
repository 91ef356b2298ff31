"""A card's image with the packages in it, made without root: on an image of the layout that Raspberry Pi OS has."""

import shutil
import struct
import subprocess
from pathlib import Path

import pytest

from distribution.image import PACKAGES, SWITCHES, ImageError, customise, partitions

MIB = 1 << 20
FAT_AT, FAT_SIZE = 4 * MIB, 8 * MIB
ROOT_AT, ROOT_SIZE = 12 * MIB, 16 * MIB

needs_tools = pytest.mark.skipif(
    any(shutil.which(tool) is None for tool in ("mformat", "mkfs.ext4", "debugfs")),
    reason="an image needs mtools and e2fsprogs: apt-get install mtools e2fsprogs",
)


def run(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout


def entry(kind: int, start: int, size: int) -> bytes:
    return struct.pack("<B3sB3sII", 0, bytes(3), kind, bytes(3), start // 512, size // 512)


def table(*entries: bytes) -> bytes:
    return bytes(446) + b"".join(entries).ljust(64, b"\0") + b"\x55\xaa"


@pytest.fixture
def stock(tmp_path: Path) -> Path:
    """FAT with config.txt, ext4 with the folders of a root."""
    image = tmp_path / "stock.img"
    with image.open("wb") as file:
        file.write(table(entry(0x0C, FAT_AT, FAT_SIZE), entry(0x83, ROOT_AT, ROOT_SIZE)))
        file.truncate(ROOT_AT + ROOT_SIZE)
    root = tmp_path / "root"
    for folder in ("etc/systemd/system", "var/lib"):
        (root / folder).mkdir(parents=True)
    run("mkfs.ext4", "-q", "-d", str(root), "-E", f"offset={ROOT_AT}", str(image), f"{ROOT_SIZE // 1024}k")
    run("mformat", "-i", f"{image}@@{FAT_AT}", "-T", str(FAT_SIZE // 512), "::")
    (tmp_path / "config.txt").write_text("[pi5]\nkernel=kernel_2712.img")
    run("mcopy", "-i", f"{image}@@{FAT_AT}", str(tmp_path / "config.txt"), "::config.txt")
    return image


@needs_tools
def test_packages_switches_and_configuration_are_in_it_and_the_file_systems_are_whole(stock: Path, tmp_path: Path) -> None:
    deb, config, made = tmp_path / "chargepoint_1_arm64.deb", tmp_path / "station.toml", tmp_path / "made.img"
    deb.write_bytes(b"!<arch>\n" * 1_000)
    config.write_text("[station]\n")
    before = stock.read_bytes()
    customise(stock, made, [deb], config)
    assert stock.read_bytes() == before

    fat, root = f"{made}@@{FAT_AT}", f"{made}?offset={ROOT_AT}"
    switches = run("mtype", "-i", fat, "::config.txt").splitlines()
    assert switches[0] == "[pi5]"
    assert switches[-len(SWITCHES) :] == list(SWITCHES)
    assert "[all]" in switches
    assert run("mtype", "-i", fat, "::chargepoint.toml") == "[station]\n"
    run("debugfs", "-R", f"dump {PACKAGES}/{deb.name} {tmp_path / 'back.deb'}", root)
    assert (tmp_path / "back.deb").read_bytes() == deb.read_bytes()
    unit = "/etc/systemd/system/chargepoint-first-boot.service"
    assert f"ConditionDirectoryNotEmpty={PACKAGES}" in run("debugfs", "-R", f"cat {unit}", root)
    wanted = run("debugfs", "-R", "stat /etc/systemd/system/multi-user.target.wants/chargepoint-first-boot.service", root)
    assert f'Fast link dest: "{unit}"' in wanted
    assert "Mode:  0644" in run("debugfs", "-R", f"stat {PACKAGES}/{deb.name}", root)
    run("e2fsck", "-fn", root)

    customise(made, tmp_path / "again.img", [deb], None)
    assert run("mtype", "-i", f"{tmp_path / 'again.img'}@@{FAT_AT}", "::config.txt").splitlines() == switches


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
