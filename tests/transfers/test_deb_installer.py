"""The installer of Debian packages: against a dpkg played by scripts, and against the real one where it can be had."""

import asyncio
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from chargepoint.ports import DriverError, InstallResult
from drivers import deb_installer
from drivers.deb_installer import Config, Installer
from tests.shell.fakes import until

pytestmark = [pytest.mark.section("5.19"), pytest.mark.timeout(60)]

# A package is four lines: name, version, architecture, and what becomes of its installation.
SCRIPTS = {
    "dpkg-deb": """
        echo "dpkg-deb $1" >> "$FAKE/ran"
        for path; do :; done
        case "$1" in
        --show) grep -q '^garbage' "$path" && { echo "not a Debian format archive" >&2; exit 2; }; head -3 "$path" ;;
        --fsys-tarfile) grep -q '^damaged' "$path" && { echo "corrupt data" >&2; exit 2; }; exit 0 ;;
        esac""",
    "dpkg": """
        echo "dpkg $1" >> "$FAKE/ran"
        for path; do :; done
        case "$1" in
        --print-architecture) echo arm64; exit ;;
        --dry-run) grep -q '^refused' "$path" && { echo "dependency problems" >&2; exit 1; }; exit 0 ;;
        esac
        version=$(sed -n 2p "$path")
        case "$(sed -n 4p "$path")" in
        preinst) echo "the old one stays" >&2; exit 1 ;;
        postinst) echo "half-configured $version" > "$FAKE/state"; echo "postinst failed" >&2; exit 1 ;;
        slow) echo "unpacked $version" > "$FAKE/state"; exec sleep 30 ;;
        nothing) exit 0 ;;
        esac
        echo "installed $version" > "$FAKE/state" """,
    "dpkg-query": """
        [ -s "$FAKE/state" ] || { echo "no packages found" >&2; exit 1; }
        cat "$FAKE/state" """,
    "systemctl": """
        [ -e "$FAKE/unit" ] && echo activating || { echo inactive; exit 3; }""",
}


class Debian:
    """A machine with a dpkg of scripts."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.image = folder / "image"

    def package(self, version: str, course: str = "ok", name: str = "chargepoint", architecture: str = "arm64") -> str:
        self.image.write_text(f"{name}\n{version}\n{architecture}\n{course}\n")
        return str(self.image)

    def has(self, state: str) -> None:
        (self.folder / "state").write_text(state + "\n")

    @property
    def state(self) -> str:
        return (self.folder / "state").read_text().strip()

    @property
    def installed(self) -> int:
        """How often `dpkg --install` ran."""
        ran = self.folder / "ran"
        return ran.read_text().splitlines().count("dpkg --install") if ran.exists() else 0

    async def installer(self, **more: Any) -> Installer:
        config = {"folder": str(self.folder / "kept"), "command": ("dpkg", "--install", "{image}"), "unit": "", **more}
        return await deb_installer.open(Config(**config), {})


@pytest.fixture
def debian(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Debian:
    bin_folder = tmp_path / "bin"
    bin_folder.mkdir()
    for name, script in SCRIPTS.items():
        path = bin_folder / name
        path.write_text("#!/bin/sh\n" + script)
        path.chmod(0o755)
    monkeypatch.setenv("PATH", f"{bin_folder}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("FAKE", str(tmp_path))
    machine = Debian(tmp_path)
    machine.has("installed 1.0-1")
    return machine


async def test_a_package_is_installed_and_kept(debian: Debian) -> None:
    installer = await debian.installer()
    assert await installer.version() == "1.0-1"
    assert await installer.install(debian.package("2.0-1")) == InstallResult("2.0-1")
    assert await installer.version() == "2.0-1"
    assert (debian.folder / "kept" / "installed.deb").read_text() == debian.image.read_text()
    await installer.close()


@pytest.mark.parametrize(
    ("made", "words"),
    [
        ({"name": "garbage"}, "not a Debian format archive"),
        ({"name": "openssh-server"}, "the package openssh-server, and chargepoint is wanted"),
        ({"architecture": "amd64"}, "for amd64, and this machine is arm64"),
        ({"course": "damaged"}, "corrupt data"),
        ({"course": "refused"}, "dependency problems"),
    ],
)
async def test_what_cannot_be_installed_is_not_begun(debian: Debian, made: dict[str, str], words: str) -> None:
    installer = await debian.installer()
    with pytest.raises(DriverError, match=words):
        await installer.install(debian.package("2.0-1", **made))
    assert debian.installed == 0
    assert debian.state == "installed 1.0-1"


async def test_a_package_for_all_architectures_fits(debian: Debian) -> None:
    installer = await debian.installer()
    assert await installer.install(debian.package("2.0-1", architecture="all")) == InstallResult("2.0-1")


async def test_a_package_that_gives_up_leaves_the_old_one(debian: Debian) -> None:
    installer = await debian.installer()
    with pytest.raises(DriverError, match="the old one stays"):
        await installer.install(debian.package("2.0-1", "preinst"))
    assert (debian.state, debian.installed) == ("installed 1.0-1", 1)


async def test_a_half_installed_package_is_put_back(debian: Debian) -> None:
    installer = await debian.installer()
    await installer.install(debian.package("1.5-1"))
    with pytest.raises(DriverError, match=r"postinst failed; 1\.5-1 was put back"):
        await installer.install(debian.package("2.0-1", "postinst"))
    assert debian.state == "installed 1.5-1"
    assert await installer.version() == "1.5-1"


async def test_without_a_good_image_somebody_must_come(debian: Debian) -> None:
    installer = await debian.installer()
    with pytest.raises(DriverError, match="install the package by hand"):
        await installer.install(debian.package("2.0-1", "postinst"))


async def test_a_command_that_does_nothing_is_no_installation(debian: Debian) -> None:
    installer = await debian.installer()
    with pytest.raises(DriverError, match=r"dpkg has 1\.0-1 as installed"):
        await installer.install(debian.package("2.0-1", "nothing"))


async def test_an_installation_has_an_end(debian: Debian) -> None:
    installer = await debian.installer(timeout_s=1.0)
    with pytest.raises(DriverError, match="took more than 1 s"):
        await installer.install(debian.package("2.0-1", "slow"))


async def test_a_command_that_is_not_there(debian: Debian) -> None:
    installer = await debian.installer(command=("no-such-command", "{image}"))
    with pytest.raises(DriverError, match="no-such-command cannot be run"):
        await installer.install(debian.package("2.0-1"))


async def test_a_machine_without_dpkg(debian: Debian, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(debian.folder))
    with pytest.raises(DriverError, match="no dpkg"):
        await debian.installer()


@pytest.mark.parametrize(
    ("state", "version"),
    [("installed 1.0-1", "1.0-1"), ("half-configured 2.0-1", "2.0-1"), ("config-files 1.0-1", None), ("", None)],
)
async def test_the_version_is_that_of_the_files_in_place(debian: Debian, state: str, version: str | None) -> None:
    (debian.folder / "state").write_text(state)
    assert await (await debian.installer()).version() == version


async def test_an_interrupted_installation_that_was_done(debian: Debian) -> None:
    path = debian.package("2.0-1")
    debian.has("installed 2.0-1")
    assert await (await debian.installer()).outcome(path) == InstallResult("2.0-1")
    assert debian.installed == 0


async def test_an_interrupted_installation_that_had_not_begun(debian: Debian) -> None:
    path = debian.package("2.0-1")
    with pytest.raises(DriverError, match=r"cut short; 1\.0-1 is still installed"):
        await (await debian.installer()).outcome(path)
    assert debian.installed == 0


async def test_an_interrupted_installation_that_was_half_done_is_done_again(debian: Debian) -> None:
    path = debian.package("2.0-1")
    debian.has("half-installed 2.0-1")
    assert await (await debian.installer()).outcome(path) == InstallResult("2.0-1")
    assert debian.installed == 1


async def test_an_installation_that_goes_on_without_us_is_waited_for(debian: Debian, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deb_installer, "POLL_S", 0.02)
    unit = debian.folder / "unit"
    unit.touch()
    path = debian.package("2.0-1")
    asked = asyncio.ensure_future((await debian.installer(unit="chargepoint-install.service")).outcome(path))
    await asyncio.sleep(0.1)
    assert not asked.done()
    debian.has("installed 2.0-1")
    unit.unlink()
    await until(asked.done)
    assert asked.result() == InstallResult("2.0-1")


async def asked(debian: Debian, path: str, **more: Any) -> tuple[Path, asyncio.Task[InstallResult]]:
    """An installation by the package's own unit, and the request that waits for it."""
    installer = await debian.installer(command=None, **more)
    request = debian.folder / "kept" / "install.request"
    task = asyncio.create_task(installer.install(path))
    await until(lambda: request.exists() or task.done())
    return request, task


async def test_the_packages_own_unit_is_asked_by_a_file_and_waited_for(debian: Debian, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deb_installer, "POLL_S", 0.02)
    request, task = await asked(debian, debian.package("2.0-1"))
    assert not task.done()
    debian.has("installed 2.0-1")
    request.unlink()
    assert await task == InstallResult("2.0-1")


async def test_what_the_unit_said_is_told_where_it_failed(debian: Debian, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deb_installer, "POLL_S", 0.02)
    monkeypatch.setattr(deb_installer, "LOG", debian.folder / "log")
    (debian.folder / "log").write_text("dpkg: the disk\n is full\n")
    request, task = await asked(debian, debian.package("2.0-1"))
    request.unlink()
    with pytest.raises(DriverError, match=r"chargepoint 2\.0-1: dpkg: the disk is full"):
        await task


async def test_a_unit_that_nobody_enabled_is_named(debian: Debian, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deb_installer, "POLL_S", 0.02)
    request, task = await asked(debian, debian.package("2.0-1"), timeout_s=1.0)
    with pytest.raises(DriverError, match=r"is chargepoint-install\.path enabled\?"):
        await task
    assert not request.exists()


def test_check_config_says_what_must_be_allowed() -> None:
    assert deb_installer.remarks(Config()) == []
    (remark,) = deb_installer.remarks(Config(command=("sudo", "-n", "install-it")))
    assert "sudo -n install-it" in remark


@pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("dpkg-deb") is None, reason="needs root and dpkg-deb: run as root on Debian"
)
async def test_with_the_real_dpkg_in_a_root_of_its_own(tmp_path: Path) -> None:
    root = tmp_path / "root"
    for name in ("info", "updates", "triggers"):
        (root / "var/lib/dpkg" / name).mkdir(parents=True)
    (root / "var/lib/dpkg/status").touch()

    def package(version: str, name: str = "chargepoint") -> str:
        tree = tmp_path / f"tree-{version}"
        (tree / "DEBIAN").mkdir(parents=True)
        (tree / "usr/share/chargepoint").mkdir(parents=True)
        (tree / "usr/share/chargepoint/version").write_text(version)
        control = f"Package: {name}\nVersion: {version}\nArchitecture: all\nMaintainer: x <x@example.org>\nDescription: x\n"
        (tree / "DEBIAN/control").write_text(control)
        path = str(tmp_path / f"{version}.deb")
        subprocess.run(["dpkg-deb", "--root-owner-group", "-b", str(tree), path], check=True, capture_output=True, timeout=30)
        return path

    command = ("dpkg", f"--root={root}", "--install", "{image}")
    config = Config(folder=str(tmp_path / "kept"), command=command, unit="", root=str(root))
    installer = await deb_installer.open(config, {})
    assert await installer.version() is None
    assert await installer.install(package("1.0-1")) == InstallResult("1.0-1")
    assert await installer.install(package("2.0-1")) == InstallResult("2.0-1")
    assert await installer.version() == "2.0-1"
    assert (root / "usr/share/chargepoint/version").read_text() == "2.0-1"
    with pytest.raises(DriverError, match="openssh-server"):
        await installer.install(package("3.0-1", "openssh-server"))
    cut = tmp_path / "cut.deb"
    whole = package("4.0-1")
    cut.write_bytes((tmp_path / whole).read_bytes()[:-64])
    with pytest.raises(DriverError, match="dpkg-deb failed"):
        await installer.install(str(cut))
    assert await installer.version() == "2.0-1"
