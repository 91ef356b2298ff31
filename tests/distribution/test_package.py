"""The packages: the same bytes from the same sources, everything that is needed in them, and papers for all of it."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from distribution import package, wheels
from distribution.__main__ import main
from distribution.targets import ALL, Target, named
from tests.package.conftest import EPOCH_S, TARGET, VERSIONS, Packages, packages

__all__ = ["packages"]


def unpacked(deb: Path, folder: Path) -> Path:
    subprocess.run(["dpkg-deb", "-R", str(deb), str(folder)], check=True, timeout=30)
    return folder


@pytest.fixture(scope="module")
def tree(packages: Packages, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return unpacked(packages.deb(VERSIONS[0]), tmp_path_factory.mktemp("deb") / "tree")


@pytest.mark.parametrize("target", ALL, ids=lambda target: target.name)
def test_the_lock_holds_what_the_project_needs_and_nothing_that_it_forbids(target: Target) -> None:
    locked = {wheel.name: wheel.version for wheel in wheels.locked(target.name)}
    for line in wheels.required(target):
        wanted = Requirement(line)
        assert wanted.specifier.contains(locked[wanted.name.lower()]), f"{line}: run script/deb --lock"
    assert not set(locked) & {"mfrc522", "spidev", "pip", "setuptools"}
    assert len({wheel.sha256 for wheel in wheels.locked(target.name)}) == len(locked)


def test_the_same_sources_give_the_same_bytes(packages: Packages, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """To somebody else, elsewhere."""
    monkeypatch.setenv("TZ", "Pacific/Auckland")
    monkeypatch.setenv("LC_ALL", "C")
    monkeypatch.chdir(tmp_path)
    before = os.umask(0o077)
    try:
        again = package.build(TARGET, tmp_path, VERSIONS[0], EPOCH_S, "none")
    finally:
        os.umask(before)
    assert again.read_bytes() == packages.deb(VERSIONS[0]).read_bytes()


def test_every_file_belongs_to_root_and_none_is_open_to_others(packages: Packages) -> None:
    said = subprocess.run(
        ["dpkg-deb", "-c", str(packages.deb(VERSIONS[0]))], check=True, capture_output=True, text=True, timeout=30
    ).stdout
    lines = [line.split() for line in said.splitlines()]
    assert len(lines) > 500
    assert {words[1] for words in lines} == {"root/root"}
    assert {words[0] for words in lines} == {"drwxr-xr-x", "-rw-r--r--", "-rwxr-xr-x"}


@pytest.mark.skipif(sys.version_info[:2] != (3, 11), reason="the package for Debian 12 needs Python 3.11")
def test_everything_that_the_program_imports_is_in_it(tree: Path) -> None:
    """In a Python that has nothing of ours; vendor modules of Debian's are the only ones from elsewhere."""
    names = (
        "chargepoint.shell.service",
        "chargepoint.shell.vault.work",
        "drivers.modbus_rtu",
        "sqlite_utils",
        "gpiozero",
        "asyncssh",
    )
    program = f"import sys; sys.path.insert(0, sys.argv[1])\nfor name in {names!r}: __import__(name)"
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", program, str(tree / package.HOME)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_the_bill_of_materials_names_every_wheel_with_its_hash_and_licence(tree: Path) -> None:
    bill = json.loads((tree / "usr/share/doc/chargepoint/sbom.cdx.json").read_text())
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.5")
    assert re.fullmatch(r"urn:uuid:[0-9a-f-]{36}", bill["serialNumber"])
    told = {(part["name"], part["version"], part["hashes"][0]["content"]) for part in bill["components"]}
    assert told == {(wheel.name, wheel.version, wheel.sha256) for wheel in wheels.locked(TARGET.name)}
    assert [part["name"] for part in bill["components"] if not part.get("licenses")] == []
    assert bill["metadata"]["component"]["purl"] == f"pkg:generic/chargepoint@{VERSIONS[0]}%2Bdeb12?arch=amd64&distro=bookworm"
    (compiled_in,) = (part["components"] for part in bill["components"] if part["name"] == "cryptography")
    assert "pkg:generic/openssl" in {part["purl"].partition("@")[0] for part in compiled_in}


def test_every_bundled_project_has_its_licence_text(tree: Path) -> None:
    home = tree / "usr/share/doc/chargepoint"
    page = (home / "copyright").read_text()
    without = [part for part in _bundled(tree) if not any((home / "licences" / part).glob("*"))]
    assert without == ["pyserial"]  # its wheel has none; its metadata says BSD, and so does the page
    assert all((f"licences/{part}" in page) == (part not in without) for part in _bundled(tree))
    assert "UNKNOWN" not in page
    assert "GNU" not in re.sub(r"EPL-2.0 OR GPL-2.0-or-later", "", page)  # what is under the GPL alone is a package of its own


def test_what_a_page_shows_lies_beside_it_and_pictures_that_none_shows_do_not(tree: Path) -> None:
    home = tree / "usr/share/doc/chargepoint"
    shown = {
        page.parent / name for page in home.rglob("*.md") for name in re.findall(r"!\[[^]]*\]\(([^):]+)\)", page.read_text())
    }
    assert [path for path in sorted(shown) if not path.is_file()] == []
    assert {path.name for path in home.rglob("*.png")} == {path.name for path in shown if path.suffix == ".png"}
    assert home / "docs" / "page" / "now.png" in shown


def _bundled(tree: Path) -> Iterator[str]:
    for wheel in wheels.locked(TARGET.name):
        yield wheel.name


def test_the_readers_module_is_a_package_of_its_own_with_its_licence(packages: Packages, tmp_path: Path) -> None:
    (deb,) = (packages.folder / VERSIONS[0]).glob("chargepoint-mfrc522_*_all.deb")
    tree = unpacked(deb, tmp_path / "tree")
    assert "GNU GENERAL PUBLIC LICENSE" in (tree / "usr/share/doc/chargepoint-mfrc522/licences/mfrc522/LICENSE").read_text()
    assert {path.name for path in (tree / package.HOME).iterdir()} == {"mfrc522", "mfrc522-0.0.7.dist-info"}


def test_an_unknown_target_is_named_with_those_that_there_are() -> None:
    with pytest.raises(KeyError, match="no target bookworm-armhf; there are bookworm-arm64, bookworm-amd64"):
        named("bookworm-armhf")


@pytest.mark.parametrize("version", ["1 2", "../x", "v1.0", ""])
def test_a_version_that_no_package_may_have_is_refused_before_anything_is_built(
    version: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["script/deb", "--version", version, "--out", str(tmp_path)])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert "is no version; it begins with a digit" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
