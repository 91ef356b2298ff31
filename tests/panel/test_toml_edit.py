"""A value changes, and nothing else of the file does."""

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chargepoint.panel.toml_edit import EditError, changed

TEXT = """\
# A station.
[station]
identity = "CK_1"   # as the Central System knows it
vendor = 'V # 1'

  # current
current_a_max = 32.0

[connectors.1]
meter = { driver = "x", identity = "not this one" }
phases = 3
"""


def test_a_value_in_its_place() -> None:
    assert changed(TEXT, {("station", "identity"): "CK_2"}) == TEXT.replace('"CK_1"', '"CK_2"')
    assert changed(TEXT, {("station", "vendor"): "W"}) == TEXT.replace("'V # 1'", '"W"')
    assert changed(TEXT, {("connectors.1", "phases"): 1}) == TEXT.replace("phases = 3", "phases = 1")


def test_a_new_value_goes_to_the_end_of_its_table() -> None:
    text = changed(TEXT, {("station", "free_vend"): True, ("panel", "driver_page"): True})
    assert "current_a_max = 32.0\nfree_vend = true\n\n[connectors.1]" in text
    assert text.endswith("\n\n[panel]\ndriver_page = true\n")


def test_a_value_is_taken_out() -> None:
    assert changed(TEXT, {("station", "vendor"): None}) == TEXT.replace("vendor = 'V # 1'\n", "")
    assert changed(TEXT, {("station", "model"): None, ("nothing", "at_all"): None}) == TEXT


def test_what_is_equal_stays_as_it_was_written() -> None:
    assert changed(TEXT, {("station", "current_a_max"): 32, ("station", "identity"): "CK_1"}) == TEXT


@pytest.mark.parametrize(
    "text",
    ['station = { identity = "CK_1" }\n', 'station.identity = "CK_1"\n', '[station]\nidentity = """CK_1\n"""\n', "[station\n"],
)
def test_what_is_written_in_another_way_is_refused_and_not_damaged(text: str) -> None:
    with pytest.raises(EditError):
        changed(text, {("station", "identity"): "CK_2"})


@given(st.text(alphabet=st.characters(blacklist_categories=["Cs"]), max_size=30) | st.booleans() | st.integers(-(10**9), 10**9))
def test_any_value_comes_back_out(value: str | bool | int) -> None:
    got = tomllib.loads(changed(TEXT, {("station", "identity"): value}))
    assert got["station"]["identity"] == value
    assert got["connectors"] == tomllib.loads(TEXT)["connectors"]
