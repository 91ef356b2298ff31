"""What the store keeps of firmware and diagnostics, and what the settings say of both."""

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from chargepoint.core.maintenance_records import (
    DiagnosticsOrder,
    DiagnosticsRecord,
    Downloaded,
    Downloading,
    FirmwareOrder,
    FirmwareRecord,
    Installed,
    Installing,
    PutDiagnostics,
    PutFirmware,
    Resting,
    Uploading,
    Waiting,
)
from chargepoint.messages import DiagnosticsStatus, FirmwareStatus
from chargepoint.registry import Kind, check_file, config_of
from chargepoint.settings import SettingsError, parse
from drivers import deb_installer
from tests.settings.documents import broken, toml, valid
from tests.store.making import commit, opened

ORDER = FirmwareOrder(location="ftp://u:p@host/x", retrieve_at_s=1_767_614_400.5, retries=3, retry_interval_s=60)
LATER = FirmwareOrder(location="http://host/y", retrieve_at_s=1.0, retries=0, retry_interval_s=0)
UPLOAD = DiagnosticsOrder(location="ftp://host/in", file_name="a.tar.gz", retries=1, retry_interval_s=2, start_s=1.5)


@pytest.mark.parametrize(
    "record",
    [
        FirmwareRecord(),
        FirmwareRecord(state=Waiting(ORDER), owed=(FirmwareStatus.Downloading, FirmwareStatus.DownloadFailed)),
        FirmwareRecord(state=Downloading(ORDER, 2)),
        FirmwareRecord(state=Downloaded(ORDER)),
        FirmwareRecord(state=Installing(ORDER), next=LATER),
        FirmwareRecord(state=Installed("2.0.0"), next=LATER),
    ],
)
def test_firmware_comes_back_as_it_was_put(tmp_path: Path, record: FirmwareRecord) -> None:
    store = opened(tmp_path)
    assert store.snapshot().firmware == FirmwareRecord()
    commit(store, PutFirmware(FirmwareRecord(state=Waiting(LATER))), PutFirmware(record))
    store.close()
    store = opened(tmp_path)
    assert store.snapshot().firmware == record
    store.close()


@pytest.mark.parametrize(
    "record",
    [
        DiagnosticsRecord(owed=(DiagnosticsStatus.Uploading, DiagnosticsStatus.Uploaded)),
        DiagnosticsRecord(state=Uploading(UPLOAD, 1)),
        DiagnosticsRecord(state=Resting()),
    ],
)
def test_diagnostics_come_back_as_they_were_put(tmp_path: Path, record: DiagnosticsRecord) -> None:
    store = opened(tmp_path)
    store.snapshot()
    commit(store, PutDiagnostics(record))
    store.close()
    store = opened(tmp_path)
    assert store.snapshot().diagnostics == record
    store.close()


def test_a_record_that_cannot_be_understood_stops_no_station(tmp_path: Path) -> None:
    store = opened(tmp_path)
    store.snapshot()
    commit(store, PutFirmware(FirmwareRecord(state=Waiting(ORDER))), PutDiagnostics(DiagnosticsRecord(state=Uploading(UPLOAD))))
    store.close()
    with sqlite3.connect(tmp_path / "station.db") as db:
        db.execute("UPDATE maintenance SET record = ?", (b'{"state":{"type":"dancing"}}',))
    db.close()
    store = opened(tmp_path)
    snapshot = store.snapshot()
    assert (snapshot.firmware, snapshot.diagnostics) == (FirmwareRecord(), DiagnosticsRecord())
    store.close()


def test_an_installer_is_a_driver_like_others() -> None:
    driver = config_of(Kind.INSTALLER, {"driver": "deb", "package": "acme-station"})
    assert driver.module is deb_installer
    assert driver.config == deb_installer.Config(package="acme-station")


def test_without_tables_there_are_bounds_and_no_installer() -> None:
    settings = parse(valid())
    assert settings.installer is None
    assert (settings.transfers.firmware_mib_max, settings.transfers.diagnostics_mib_max) == (512, 32)
    assert (settings.transfers.attempt_s_max, settings.transfers.stall_s) == (7_200.0, 60.0)


@pytest.mark.parametrize(
    ("tables", "words"),
    [
        ({"installer": {"package": "x"}}, "[installer] driver"),
        ({"installer": {"driver": "deb", "package": "Not A Package"}}, "[installer] package"),
        ({"installer": {"driver": "deb", "folder": "here"}}, "must be an absolute path"),
        ({"installer": {"driver": "dpkg"}}, "must be a driver for an installer"),
        ({"installer": {"driver": "deb", "comand": ["x"]}}, "did you mean command?"),
        ({"transfers": {"firmware_mib_max": 0}}, "[transfers] firmware_mib_max"),
        ({"transfers": {"stall": 5}}, "did you mean stall_s?"),
    ],
)
def test_wrong_tables_are_told_with_section_and_key(tmp_path: Path, tables: dict[str, Any], words: str) -> None:
    path = tmp_path / "station.toml"
    path.write_text(toml(broken(lambda document: document.update(tables))))
    checked = check_file(path)
    assert checked.settings is None
    assert words in "\n".join(str(problem) for problem in checked.problems)


def test_check_config_tells_what_an_installer_needs(tmp_path: Path) -> None:
    path = tmp_path / "station.toml"
    path.write_text(toml(broken(lambda document: document.update(installer={"driver": "deb", "command": ["sudo", "install"]}))))
    checked = check_file(path)
    assert checked.problems == ()
    assert any(remark.startswith("[installer] the service's user must be allowed") for remark in checked.remarks)
    with pytest.raises(SettingsError):
        parse(broken(lambda document: document.update(installer="deb")))
