"""The bench's installer and the one for rehearsals."""

from pathlib import Path

import msgspec
import pytest

from chargepoint.ports import DriverError, InstallResult
from drivers import deb_installer, dry_run_installer
from drivers.virtual import installer as virtual

pytestmark = pytest.mark.section("5.19")


async def bench(folder: Path) -> virtual.Installer:
    return await virtual.open(virtual.Config(state_dir=str(folder)), {})


def image(folder: Path, text: str) -> str:
    path = folder / "image"
    path.write_text(text)
    return str(path)


async def test_the_bench_installs_what_the_first_line_says(tmp_path: Path) -> None:
    installer = await bench(tmp_path)
    assert await installer.version() is None
    assert await installer.install(image(tmp_path, "chargepoint-firmware 2.0.0\nmore\n")) == InstallResult("2.0.0")
    assert await (await bench(tmp_path)).version() == "2.0.0"
    await installer.close()


async def test_a_second_line_makes_it_fail(tmp_path: Path) -> None:
    installer = await bench(tmp_path)
    await installer.install(image(tmp_path, "chargepoint-firmware 2.0.0"))
    with pytest.raises(DriverError, match="3"):
        await installer.install(image(tmp_path, "chargepoint-firmware 3\nfail\n"))
    assert await installer.version() == "2.0.0"


@pytest.mark.parametrize(
    "text", ["", "\n", "firmware 2.0.0", "chargepoint-firmware", "chargepoint-firmware ", "chargepoint-firmware a b",
             "chargepoint-firmware " + "9" * 51, "Chargepoint-Firmware 2", "\nchargepoint-firmware 2"],
)  # fmt: skip
async def test_anything_else_is_no_image(tmp_path: Path, text: str) -> None:
    with pytest.raises(DriverError, match="no firmware image"):
        await (await bench(tmp_path)).install(image(tmp_path, text))


async def test_neither_is_what_is_no_text_or_not_there(tmp_path: Path) -> None:
    installer = await bench(tmp_path)
    (tmp_path / "image").write_bytes(b"\x7fELF\xff\xfe")
    for name in ("image", "nothing"):
        with pytest.raises(DriverError, match="no firmware image"):
            await installer.install(str(tmp_path / name))


async def test_the_outcome_is_what_is_on_the_disk(tmp_path: Path) -> None:
    installer = await bench(tmp_path)
    path = image(tmp_path, "chargepoint-firmware 2.0.0")
    with pytest.raises(DriverError, match="cut short"):
        await installer.outcome(path)
    await installer.install(path)
    assert await installer.outcome(path) == InstallResult("2.0.0")


async def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    installer = await bench(tmp_path / "nowhere")
    with pytest.raises(DriverError, match="cannot be written"):
        await installer.install(image(tmp_path, "chargepoint-firmware 2.0.0"))


async def test_a_rehearsal_takes_any_file(tmp_path: Path) -> None:
    config = dry_run_installer.Config(folder=str(tmp_path / "kept"))
    installer = await dry_run_installer.open(config, {})
    assert await installer.version() is None
    path = image(tmp_path, "whatever")
    with pytest.raises(DriverError, match="cut short"):
        await installer.outcome(path)
    result = await installer.install(path)
    assert result.version == "dry-run-85738f8f9a7f"
    assert await installer.outcome(path) == result
    assert await (await dry_run_installer.open(config, {})).version() == result.version


async def test_a_rehearsal_may_name_its_version_or_fail(tmp_path: Path) -> None:
    config = dry_run_installer.Config(folder=str(tmp_path), version="9.9")
    assert await (await dry_run_installer.open(config, {})).install(image(tmp_path, "x")) == InstallResult("9.9")
    failing = await dry_run_installer.open(dry_run_installer.Config(folder=str(tmp_path), fails="as asked"), {})
    with pytest.raises(DriverError, match="as asked"):
        await failing.install(image(tmp_path, "x"))
    for text, word in (("", "empty"), (None, "cannot be read")):
        path = image(tmp_path, text) if text is not None else str(tmp_path / "nothing")
        with pytest.raises(DriverError, match=word):
            await failing.install(path)


def test_a_folder_must_be_absolute() -> None:
    for config in (dry_run_installer.Config, deb_installer.Config):
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert({"folder": "kept"}, config)
