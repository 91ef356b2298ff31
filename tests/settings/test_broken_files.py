"""Generated damage: whatever a file holds, it is loaded, or every problem names file and place, and nothing else is raised."""

import copy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from chargepoint.registry import check_file
from chargepoint.settings import Problem, SettingsError, load
from tests.settings.documents import toml, valid

FILE_ONLY = {
    "more than 1 MiB",
    "lists within lists",
    "tables within tables",
    "UTF-16 text",
    "nothing but zeros",
    "rich text (RTF)",
    "a number or date",
}
relaxed = settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

scalars = st.one_of(
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.text(max_size=60).filter(lambda text: text.isprintable()),
    st.sampled_from(["ws://", "wss://:0/", "ws://[::1", "ws://a@b", "9" * 5000, "1979-05-27", "\x00", "\n"]),
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


def paths(table: dict[str, Any], above: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """Where every value of a document stands."""
    found = []
    for key, value in table.items():
        found.append((*above, key))
        if isinstance(value, dict):
            found += paths(value, (*above, key))
    return found


PATHS = paths(valid())


def at(document: dict[str, Any], path: tuple[str, ...]) -> dict[str, Any]:
    """The table in which the last key of a path stands."""
    for key in path[:-1]:
        document = document[key]
    return document


def check(path: Path) -> tuple[Problem, ...]:
    """Both ways of reading a file agree, and every problem says where it is."""
    try:
        load(path)
        loaded: tuple[Problem, ...] = ()
    except SettingsError as error:
        loaded = error.problems
        assert loaded
    checked = check_file(path)
    assert set(loaded) <= set(checked.problems)
    assert (checked.settings is None) == bool(checked.problems)
    for problem in checked.problems:
        assert problem.file == str(path)
        assert problem.section or problem.key or "line" in problem.found or problem.found in FILE_ONLY, problem
        assert problem.allowed
        assert str(problem).isprintable()
        assert len(str(problem)) < 1000
    return checked.problems


@relaxed
@given(path=st.sampled_from(PATHS), value=values)
@example(path=("configuration", "HeartbeatInterval"), value=16**6000)
@example(path=("configuration", "HeartbeatInterval"), value="+-5")
@example(path=("configuration", "LocalPreAuthorize"), value="9" * 5000)
@example(path=("connectors", "1", "meter", "bus"), value=[1])
@example(path=("connectors",), value={})
def test_a_value_of_any_kind_in_any_place(tmp_path: Path, path: tuple[str, ...], value: Any) -> None:
    document = copy.deepcopy(valid())
    at(document, path)[path[-1]] = value
    file = tmp_path / "station.toml"
    file.write_text(toml_of(document), encoding="utf-8")
    check(file)


def toml_of(document: dict[str, Any]) -> str:
    """TOML, with whole numbers too long for decimal digits written in hexadecimal."""
    try:
        return toml(document)
    except ValueError:
        document["configuration"]["HeartbeatInterval"] = 0
        return toml(document).replace('"HeartbeatInterval" = 0', '"HeartbeatInterval" = 0x' + "F" * 6000)


@relaxed
@given(path=st.sampled_from(PATHS), suffix=st.sampled_from(["x", "_", ".", "ä", " "]))
def test_a_misspelled_key_is_named(tmp_path: Path, path: tuple[str, ...], suffix: str) -> None:
    document = copy.deepcopy(valid())
    table = at(document, path)
    table[path[-1] + suffix] = table.pop(path[-1])
    file = tmp_path / "station.toml"
    file.write_text(toml(document), encoding="utf-8")
    problems = check(file)
    if path[:-1] == ("buses",):  # a bus may have any name: it is missed by its meters
        assert {problem.key for problem in problems} == {"bus"}
        return
    told = " ".join(str(problem).removeprefix(str(file)) for problem in problems)
    assert path[-1] + suffix in told


@relaxed
@given(path=st.sampled_from(PATHS))
def test_a_missing_key_is_named_or_has_a_default(tmp_path: Path, path: tuple[str, ...]) -> None:
    document = copy.deepcopy(valid())
    del at(document, path)[path[-1]]
    file = tmp_path / "station.toml"
    file.write_text(toml(document), encoding="utf-8")
    for problem in check(file):
        told = f"{problem.section}.{problem.key}"
        assert path[-1] in told or told.endswith((".bus", "readers.1.connectors"))


@relaxed
@given(start=st.integers(0, 2000), length=st.integers(0, 40), bytes_=st.binary(max_size=12))
def test_damaged_bytes_are_told_by_their_place(tmp_path: Path, start: int, length: int, bytes_: bytes) -> None:
    raw = toml(valid()).encode()
    file = tmp_path / "station.toml"
    file.write_bytes(raw[:start] + bytes_ + raw[start + length :])
    check(file)


@relaxed
@given(st.text(max_size=200))
@example("[[station]]")
@example("station.identity.x = 1")
@example('""=1')
@example("x = 99999999999-01-01")
@example("x = " + "9" * 5000)
@example("\x00")
def test_any_text_is_a_file_with_problems(tmp_path: Path, text: str) -> None:
    file = tmp_path / "station.toml"
    file.write_text(text, encoding="utf-8")
    assert check(file)


def test_the_document_that_is_broken_is_right_to_begin_with(tmp_path: Path) -> None:
    file = tmp_path / "station.toml"
    file.write_text(toml(valid()), encoding="utf-8")
    assert check(file) == ()
    with pytest.raises(KeyError):
        at(valid(), ("none", "x"))
