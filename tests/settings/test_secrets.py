"""Secrets that the settings file only names: in files of their own, or as credentials of systemd."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from chargepoint.registry import CheckedFile, check_file
from chargepoint.settings_secrets import open_to_others, tighten
from tests.settings.documents import broken, toml

pytestmark = pytest.mark.section("security 2.6")

KEY = "5EC2E75EC2E75EC2E75EC2E7"


def checked(folder: Path, change: Callable[[dict[str, Any]], Any], *, starting: bool = True) -> CheckedFile:
    """The answer to a file whose central_system names no key of its own."""

    def changed(document: dict[str, Any]) -> None:
        document["central_system"].pop("authorization_key", None)
        change(document)

    path = folder / "station.toml"
    path.write_text(toml(broken(changed)))
    return check_file(path, starting=starting)


def secret(folder: Path, content: str = KEY + "\n", mode: int = 0o600) -> Path:
    path = folder / "key"
    path.write_text(content)
    path.chmod(mode)
    return path


def key_of(answer: CheckedFile) -> str:
    assert answer.problems == ()
    assert answer.settings is not None
    return answer.settings.central_system.authorization_key


def problem(answer: CheckedFile) -> str:
    (found,) = answer.problems
    assert answer.settings is None
    return str(found).partition(": ")[2]


class TestFile:
    def test_its_content_is_the_key(self, tmp_path: Path) -> None:
        secret(tmp_path)
        answer = checked(tmp_path, lambda d: d["central_system"].update(authorization_key_file="key"))
        assert key_of(answer) == KEY
        assert KEY not in repr(answer.settings)
        assert not any("key" in remark for remark in answer.remarks)

    @pytest.mark.parametrize(
        ("content", "words"),
        [
            ("", "found nothing, must hold the secret and nothing else"),
            ("  \n", "found nothing"),
            ("x" * 5_000, "found more than 4 KiB"),
            ("SecretButNotHex", "15 characters that are not shown, its content must be an even number of hexadecimal digits"),
            (f"{KEY}\n{KEY}\n", "49 characters that are not shown"),
        ],
    )
    def test_what_is_no_key_is_named_and_not_shown(self, tmp_path: Path, content: str, words: str) -> None:
        secret(tmp_path, content)
        said = problem(checked(tmp_path, lambda d: d["central_system"].update(authorization_key_file="key")))
        assert said.startswith("[central_system] authorization_key_file: ")
        assert words in said
        assert "SecretButNotHex" not in said
        assert KEY not in said

    def test_one_that_is_not_there(self, tmp_path: Path) -> None:
        said = problem(checked(tmp_path, lambda d: d["central_system"].update(authorization_key_file="gone")))
        assert "authorization_key_file: found 'gone', must be a file that is there" in said.replace('"', "'")

    def test_a_key_has_one_home(self, tmp_path: Path) -> None:
        secret(tmp_path)
        both = {"authorization_key": KEY, "authorization_key_file": "key"}
        said = problem(checked(tmp_path, lambda d: d["central_system"].update(both)))
        assert said == "[central_system] authorization_key_file: must not stand beside authorization_key; keep one of them"

    def test_one_that_others_may_read_is_remarked(self, tmp_path: Path) -> None:
        path = secret(tmp_path, mode=0o644)
        answer = checked(tmp_path, lambda d: d["central_system"].update(authorization_key_file="key"), starting=False)
        words = f"[central_system] {path} holds a secret and is open to others (mode 644); chmod 600 it"
        assert words in answer.remarks
        assert path.stat().st_mode & 0o777 == 0o644, "a check changes nothing"

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
    @pytest.mark.parametrize(("mode", "advice"), [(0o640, None), (0o644, "chmod 640 it")])
    def test_a_group_that_root_gave_it_may_read_it(self, tmp_path: Path, mode: int, advice: str | None) -> None:
        """The service reads it by that; an advice to take it away would keep the station from starting."""
        path = secret(tmp_path, mode=mode)
        os.chown(path, 0, 1)
        answer = checked(tmp_path, lambda d: d["central_system"].update(authorization_key_file="key"), starting=False)
        said = [remark for remark in answer.remarks if str(path) in remark]
        assert [remark.rpartition("; ")[2] for remark in said] == ([] if advice is None else [advice])


class TestCredential:
    def test_its_content_is_the_key(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        secret(tmp_path)
        monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
        assert key_of(checked(tmp_path, lambda d: d["central_system"].update(authorization_key_credential="key"))) == KEY

    def test_without_the_service_a_check_can_say_nothing_of_it_and_a_start_fails(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)

        def named(document: dict[str, Any]) -> None:
            document["central_system"].update(authorization_key_credential="key")

        answer = checked(tmp_path, named, starting=False)
        assert key_of(answer) == ""
        assert any("authorization_key_credential key is seen by the service only" in remark for remark in answer.remarks)
        assert "give the unit LoadCredential=key:" in problem(checked(tmp_path, named))

    def test_one_that_systemd_was_not_told_of(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
        said = problem(checked(tmp_path, lambda d: d["central_system"].update(authorization_key_credential="key")))
        assert "authorization_key_credential" in said
        assert "cannot be read: No such file" in said

    @pytest.mark.parametrize("name", ["../key", "a/b", "", ".hidden"])
    def test_a_name_is_no_path(self, tmp_path: Path, name: str) -> None:
        said = problem(checked(tmp_path, lambda d: d["central_system"].update(authorization_key_credential=name)))
        assert "must be the name of a credential" in said

    def test_the_stations_key_may_be_one_too(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
        (tmp_path / "own.pem").write_text("a certificate")

        def named(document: dict[str, Any]) -> None:
            document["security"] = {"client_certificate": "own.pem", "client_key_credential": "station-key"}

        answer = checked(tmp_path, named)
        assert answer.settings is not None
        assert answer.settings.security.client_key == str(tmp_path / "station-key")


def test_files_of_secrets_are_taken_away_from_others(tmp_path: Path) -> None:
    wide, right = secret(tmp_path, mode=0o664), tmp_path / "right"
    right.write_text("x")
    right.chmod(0o400)
    said = list(tighten((None, str(wide), str(right), str(tmp_path / "gone"))))
    assert said == [f"{wide} held a secret and was open to others; it is not any more"]
    assert (wide.stat().st_mode & 0o777, right.stat().st_mode & 0o777) == (0o600, 0o400)
    assert open_to_others(wide) is None
