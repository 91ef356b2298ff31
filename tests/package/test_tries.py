"""The cheap part of script/deb --try: which steps are cut, what the way back is, what is said where nothing can be tried."""

from pathlib import Path

import pytest

from distribution.image import PACKAGES
from distribution.targets import named
from hil.machine import Machine, Unavailable, root
from hil.packages import debs
from hil.packages.__main__ import main
from hil.packages.cuts import chosen, first_installation


def test_of_every_stretch_of_equal_work_the_first_the_middle_and_the_last_step_are_cut() -> None:
    steps = [*["dpkg rename a"] * 5, "sh run /bin/true", *["dpkg fsync -"] * 4]
    assert chosen(steps, 100) == [1, 3, 5, 6, 7, 9, 10]
    assert chosen(steps, 3) == [1, 6, 10]
    assert chosen([], 3) == []


def test_the_way_back_is_what_the_first_boots_unit_runs() -> None:
    target = named("bookworm-amd64")
    files = (Path("/x/first.deb"), Path("/x/next.deb"), Path("/x/reader.deb"))
    way = first_installation(debs.Debs(target, *files, "1+deb12", "1.1+deb12"))
    back = way.come_back.split(" && ")
    assert back[0] == "{ /usr/bin/dpkg --configure --pending || true; }"
    assert "apt-get install" in way.come_back
    assert back[-1] == f"/bin/rm -r {PACKAGES}"
    assert "$$" not in way.come_back


def test_a_foreign_processor_without_an_emulator_is_told_with_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(debs, "NATIVE", {})
    monkeypatch.setattr(debs, "BINFMT", tmp_path / "nothing")
    with pytest.raises(Unavailable, match="programs for arm64 do not run here: apt-get install qemu-user-static"):
        debs.machine(named("bookworm-arm64"), tmp_path, init=True)
    registered = tmp_path / "registered"
    registered.write_text("enabled\ninterpreter /usr/bin/qemu-aarch64\nflags: OC\noffset 0\n")
    monkeypatch.setattr(debs, "BINFMT", registered)
    with pytest.raises(Unavailable, match="do not run here"):  # without F it does not run in another root
        debs.machine(named("bookworm-arm64"), tmp_path, init=True)


@pytest.mark.parametrize("words", [["--target", "bookworm-armhf"], ["--cuts", "1"], ["--cuts", "-3"]])
def test_what_cannot_be_tried_is_refused_in_words(words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["try", *words])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2


def test_a_machine_without_init_keeps_its_disk_is_copied_and_can_be_read_only() -> None:
    try:
        one = Machine(root(), init=False)
        one.start()
    except Unavailable as error:
        pytest.skip(f"layer D, a machine: {error}")
    try:
        one.run("touch", "/etc/mark")
        one.power_cut()
        with one.again() as copy:
            copy.run("mv", "/etc/mark", "/etc/moved")
        one.start(read_only=True)
        assert one.run("ls", "/etc/mark").returncode == 0
        assert "Read-only file system" in one.run("touch", "/etc/other", check=False).stderr
    finally:
        one.stop()
