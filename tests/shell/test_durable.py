"""A file is there as a whole, or as it was."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from chargepoint import blank, commissioning
from chargepoint.durable import whole
from chargepoint.panel.guard import Access


def written_whole(path: Path) -> None:
    with whole(path) as file:
        file.write(b"mine")


def test_a_file_gets_its_name_only_when_all_of_it_is_on_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, flushed = tmp_path / "file", list[str]()
    synced = os.fsync

    def fsync(descriptor: int) -> None:
        flushed.append(f"{os.readlink(f'/proc/self/fd/{descriptor}').removeprefix(str(tmp_path))} {path.exists()}")
        synced(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    with whole(path) as file:
        file.write(b"all")
    assert path.read_bytes() == b"all"
    assert path.stat().st_mode & 0o777 == 0o600
    assert flushed == ["/file.new False", " True"]


def test_what_fails_leaves_the_file_before_and_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"before")

    def fail() -> None:
        with whole(path) as file:
            file.write(b"half")
            raise OSError("no room")

    with pytest.raises(OSError, match="no room"):
        fail()
    assert {inner.name: inner.read_bytes() for inner in tmp_path.iterdir()} == {"file": b"before"}


def test_what_a_power_cut_left_beside_it_is_open_to_nobody(tmp_path: Path) -> None:
    (tmp_path / "file.new").touch()
    (tmp_path / "file.new").chmod(0o666)
    with whole(tmp_path / "file"):
        pass
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("write", "beside"),
    [
        (written_whole, "file.new"),
        (lambda path: blank.put(path, "12345678\n"), ".file.new"),
        (lambda path: Access(path.parent).keep(path, b"mine"), "file.new"),
        (lambda path: commissioning.replace(path, b"mine"), "file.new"),
    ],
    ids=["whole", "the code", "passwords", "what was taken over"],
)
def test_a_link_that_somebody_laid_there_leads_nobody_elsewhere(
    write: Callable[[Path], None], beside: str, tmp_path: Path
) -> None:
    """Root writes in folders of the service and of the page: a link in there must not choose what is written over."""
    (tmp_path / "shadow").write_text("root's")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / beside).symlink_to(tmp_path / "shadow")
    write(tmp_path / "folder/file")
    assert (tmp_path / "shadow").read_text() == "root's"
    assert [path.name for path in (tmp_path / "folder").iterdir()] == ["file"]
    assert not (tmp_path / "folder/file").is_symlink()
