"""Passwords and sessions: made once, kept as hashes, and hard to guess."""

import asyncio
import json
import stat
import time
from pathlib import Path

import pytest

from chargepoint.panel import guard
from chargepoint.panel.guard import ALL_TRIES_MAX, SESSIONS_MAX, TRIES_MAX, Access, Guard, TooManyTries, csrf
from tests.panel.conftest import TRUE_COST


@pytest.fixture
def access(tmp_path: Path) -> Access:
    made = Access(tmp_path / "panel")
    made.prepare()
    return made


def first(access: Access) -> str:
    told = access.first_password()
    assert told
    return told


def written(access: Access) -> str:
    return "".join(path.read_text() for path in access.directory.iterdir())


def test_the_first_password_is_nobodys_choice_and_the_second_start_keeps_it(access: Access) -> None:
    password = first(access)
    assert len(password) == 19
    access.prepare()
    assert first(access) == password
    assert Access(access.directory.parent / "other").reset("installer") != password


def test_nobody_else_can_read_what_is_kept(access: Access) -> None:
    assert {stat.S_IMODE(path.stat().st_mode) for path in access.directory.iterdir()} == {0o600}
    assert stat.S_IMODE(access.directory.stat().st_mode) == 0o700


async def test_it_is_shown_until_somebody_has_used_it_and_then_kept_nowhere(access: Access) -> None:
    password = first(access)
    begun = await Guard(access).log_in(password, "10.0.0.1")
    assert begun is not None
    assert access.first_password() is None
    for secret in (password, begun[0]):
        assert secret not in written(access)


async def test_a_session_outlives_the_process_and_ends_with_its_logout(access: Access) -> None:
    begun = await Guard(access).log_in(first(access), "a")
    assert begun is not None
    again = Guard(Access(access.directory))
    assert again.session(begun[0]) == "installer"
    again.log_out(begun[0])
    assert again.session(begun[0]) is None


async def test_a_session_ends_by_itself(access: Access, monkeypatch: pytest.MonkeyPatch) -> None:
    begun = await Guard(access).log_in(first(access), "a")
    assert begun is not None
    later = time.time() + guard.SESSION_S + 1
    monkeypatch.setattr("chargepoint.panel.guard.time.time", lambda: later)
    assert Guard(access).session(begun[0]) is None


async def test_a_new_password_ends_the_sessions_of_its_role_alone(access: Access) -> None:
    here = Guard(access)
    installer = await here.log_in(first(access), "a")
    viewer = await here.log_in(access.reset("viewer"), "a")
    assert installer is not None
    assert viewer is not None
    assert (here.session(installer[0]), here.session(viewer[0])) == ("installer", "viewer")
    access.reset("viewer")
    assert (here.session(installer[0]), here.session(viewer[0])) == ("installer", None)


async def test_the_old_password_is_asked_for_before_a_new_one(access: Access) -> None:
    here, password = Guard(access), first(access)
    assert await here.change("guess", "a new password", "installer", "a") == "The present password is not right."
    assert "characters" in str(await here.change(password, "short", "installer", "a"))
    assert await here.change(password, "a new password", "installer", "b") is None
    assert await here.log_in(password, "c") is None
    assert await here.log_in("a new password", "c") is not None


async def test_a_viewers_password_changes_nothing(access: Access) -> None:
    viewer = access.reset("viewer")
    assert await Guard(access).change(viewer, "a new password", "installer", "a") == "The present password is not right."


async def test_guessing_is_slow_from_one_address_and_from_many(access: Access) -> None:
    here = Guard(access)
    for _ in range(TRIES_MAX):
        assert await here.log_in("guess", "10.0.0.1") is None
    with pytest.raises(TooManyTries) as refused:
        await here.log_in(first(access), "10.0.0.1")
    assert 0 < refused.value.wait_s <= guard.TRIES_S
    for number in range(ALL_TRIES_MAX - TRIES_MAX):
        assert await here.log_in("guess", f"10.0.1.{number}") is None
    with pytest.raises(TooManyTries):
        await here.log_in("guess", "10.0.2.1")


async def test_a_right_password_is_no_failed_try(access: Access) -> None:
    here, password = Guard(access), first(access)
    for _ in range(TRIES_MAX + 2):
        assert await here.log_in(password, "10.0.0.1") is not None


async def test_passwords_are_checked_one_at_a_time(access: Access, monkeypatch: pytest.MonkeyPatch) -> None:
    at_once, most = 0, 0
    real = guard._hash

    def counted(password: str, salt: bytes) -> bytes:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        try:
            return real(password, salt)
        finally:
            at_once -= 1

    monkeypatch.setattr(guard, "_hash", counted)
    here = Guard(access)
    await asyncio.gather(*(here.log_in("guess", f"10.0.0.{number}") for number in range(8)))
    assert most == 1


async def test_sessions_are_bounded(access: Access) -> None:
    here, password = Guard(access), first(access)
    cookies = [begun[0] for _ in range(SESSIONS_MAX + 2) if (begun := await here.log_in(password, "a"))]
    assert len(json.loads((access.directory / "access.json").read_text())["sessions"]) == SESSIONS_MAX
    assert here.session(cookies[-1]) == "installer"


@pytest.mark.parametrize("cookie", ["", "x", "x" * 43, "x" * 5000])
def test_a_cookie_that_is_none(access: Access, cookie: str) -> None:
    assert Guard(access).session(cookie) is None


def test_damage_is_said_with_a_way_out(access: Access) -> None:
    (access.directory / "access.json").write_text("{")
    with pytest.raises(ValueError, match="remove it"):
        access.read()


def test_a_token_belongs_to_one_session() -> None:
    assert csrf("one") == csrf("one") != csrf("two")


def test_what_a_guess_costs() -> None:
    assert TRUE_COST["n"] * TRUE_COST["r"] * TRUE_COST["p"] >= 2**19
    assert 128 * TRUE_COST["n"] * TRUE_COST["r"] <= 8 * 1024 * 1024
