"""docs/drivers.md does what it says: the package on the page is built, tested, found by its entry point and used."""

import asyncio
import configparser
import os
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from chargepoint.registry import Kind, config_of, known_drivers
from chargepoint.tables import SettingsError
from tests.e2e.rig import CARD, Rig, rig

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "drivers.md"
FILES = ("pyproject.toml", "acme_em7.py", "em7_model.py", "test_acme_em7.py")


def files_of(page: str) -> dict[str, str]:
    """Every file of the page: the fenced block after its name."""
    return dict(re.findall(r"<!-- file: (\S+) -->\n```\w+\n(.*?)```\n", page, re.DOTALL))


def install(folder: Path) -> None:
    """The package as an installer leaves it: its modules, and a .dist-info with name, version and entry points."""
    for name, text in files_of(PAGE.read_text(encoding="utf-8")).items():
        (folder / name).write_text(text, encoding="utf-8")
    project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    info = folder / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n")
    points = configparser.ConfigParser()
    points.read_dict(project["entry-points"])
    with (info / "entry_points.txt").open("w") as file:
        points.write(file)


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The installed package on this process' path and on that of processes that it starts."""
    folder = tmp_path / "site"
    folder.mkdir()
    install(folder)
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join((str(folder), str(ROOT))))
    yield folder
    for name in ("acme_em7", "em7_model"):
        sys.modules.pop(name, None)


def test_the_page_holds_the_whole_package() -> None:
    assert tuple(files_of(PAGE.read_text(encoding="utf-8"))) == FILES


def test_the_page_names_every_kind_of_driver() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert [kind for kind in Kind if f"| `chargepoint.drivers.{kind}` |" not in page] == []


def test_the_driver_of_the_page_imports_what_drivers_may() -> None:
    imported = re.findall(r"^(?:from|import) (chargepoint\S*)", files_of(PAGE.read_text(encoding="utf-8"))["acme_em7.py"], re.M)
    assert set(imported) == {"chargepoint.facts", "chargepoint.ports"}


async def test_its_own_tests_pass(package: Path) -> None:
    """In a process of its own, as its author runs them."""
    command = (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:asyncio", "test_acme_em7.py")
    process = await asyncio.create_subprocess_exec(
        *command, cwd=package, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    async with asyncio.timeout(60):
        said, _ = await process.communicate()
    assert process.returncode == 0, said.decode()
    assert b"6 passed" in said


@pytest.mark.usefixtures("package")
def test_the_registry_finds_it_by_its_entry_point() -> None:
    assert known_drivers(Kind.METER)[-1] == "acme_em7"
    driver = config_of("meter", {"driver": "acme_em7", "host": "192.0.2.17"})
    assert (driver.module.__name__, driver.config.port) == ("acme_em7", 4_700)  # type: ignore[attr-defined]
    with pytest.raises(SettingsError, match=r"hots: unknown key; did you mean host\?"):
        config_of("meter", {"driver": "acme_em7", "hots": "192.0.2.17"})
    with pytest.raises(SettingsError, match="port"):
        config_of("meter", {"driver": "acme_em7", "host": "192.0.2.17", "port": 70_000})


@pytest.mark.timeout(90)
@pytest.mark.usefixtures("package")
async def test_a_station_charges_by_it() -> None:
    """A session is billed by the foreign meter."""
    from em7_model import Model  # type: ignore[import-not-found]

    async with Model() as model:
        table = f'{{ driver = "acme_em7", host = "127.0.0.1", port = {model.port}, serial_number = "0042", timeout_s = 0.3 }}'
        async with rig(config={"connectors.1.meter": table}) as r:
            await charge(r, model)


async def charge(r: Rig, model: object) -> None:
    await r.boot()
    start = await r.charging()
    assert start["meterStart"] == 5_000
    model.energy_wh = 6_234.5  # type: ignore[attr-defined]
    await r.bench.do("tap", id_tag=CARD)
    (row,) = await r.delivered()
    assert (row.meter_start_wh, row.meter_stop_wh) == (5_000, 6_234)
    r.clean()
