"""docs/conformance.md is what the tags of the tests say, and a tag is never a slip of the pen."""

from pathlib import Path

import pytest

from tests import conformance
from tests.conformance import PAGE, Document, Story, UnknownTag, documents, main, page, stories

MODULE = """
import pytest
pytestmark = [pytest.mark.section("5.1"), pytest.mark.asyncio]

class TestItsEnd:
    pytestmark = pytest.mark.section("5.2")

    @pytest.mark.section("5.3")
    @pytest.mark.parametrize("x", [1, pytest.param(2, marks=pytest.mark.section("J 4"))])
    def test_it_expires(self, x): ...

    def helper(self): ...

@pytest.mark.section("5.1")
async def test_one_two(): ...

def section(x): ...
"""

BOOKS = [
    Document("Big", "", {"5": "Five", "5.1": "One", "5.2": "Two", "5.3": "Three", "6": "Six", "6.1": "Part", "7": "Seven"}),
    Document("Small", "J", {"4": "Four"}),
]


def test_the_page_is_current() -> None:
    """Where this fails: run script/conformance."""
    assert PAGE.read_text(encoding="utf-8") == page(documents(), stories()), (
        "docs/conformance.md is old: run script/conformance"
    )


def test_every_tag_is_read_from_module_class_and_function(tmp_path: Path) -> None:
    (tmp_path / "tests" / "deep").mkdir(parents=True)
    (tmp_path / "tests" / "deep" / "test_x.py").write_text(MODULE)
    (tmp_path / "tests" / "helper.py").write_text(MODULE)
    assert stories(tmp_path) == [
        Story("tests/deep/test_x.py", 10, "Its end: it expires", ("5.1", "5.2", "5.3", "J 4")),
        Story("tests/deep/test_x.py", 15, "One two", ("5.1",)),
    ]


def test_a_section_shows_its_stories_and_what_has_none_is_said() -> None:
    two = [Story("tests/test_a.py", 1, "It works", ("5.1", "6", "J 4")), Story("tests/test_b.py", 1, "So too", ("5.1",))]
    text = page(BOOKS, two)
    first, second = (f"[tests/test_{one}.py](../tests/test_{one}.py)" for one in "ab")
    assert f"### 5.1 One\n\n{first}\n\n- It works\n\n{second}\n\n- So too\n" in text
    assert "### Only with the stories of their chapter\n\n6.1 Part.\n" in text
    assert "### Without a story\n\n5.2 Two, 5.3 Three, 7 Seven.\n" in text, "5 has stories in its parts"
    assert "| Big | 2 of 7 | 2 |" in text
    assert "## Small\n\n### 4 Four\n" in text


def test_a_tag_that_no_document_has_is_named_with_its_place() -> None:
    with pytest.raises(
        UnknownTag, match=r"^tests/test_a\.py:7: section\('9\.9'\) is not in docs/sections\.toml; correct the tag"
    ):
        page(BOOKS, [Story("tests/test_a.py", 7, "It works", ("9.9",))])


def test_check_tells_and_writing_mends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(conformance, "PAGE", tmp_path / "page.md")
    monkeypatch.setattr(conformance, "stories", lambda: [Story("tests/test_a.py", 1, "It works", ("5.1",))])
    assert main(["--check"]) == 1
    assert "is not current; run script/conformance" in capsys.readouterr().err
    assert (main([]), main(["--check"]), main([])) == (0, 0, 0)
    (tmp_path / "page.md").write_text("old")
    assert main(["--check"]) == 1


def test_sections_stand_once_and_in_order() -> None:
    for document in documents():
        numbered = [number for number in document.sections if number[0].isdigit()]
        keys = [[int(part) for part in number.split(".")] for number in numbered]
        assert keys == sorted(keys), document.name
        assert all(0 < len(title) <= 60 for title in document.sections.values()), document.name
