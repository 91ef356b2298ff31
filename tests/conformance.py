"""docs/conformance.md from the tags of the stories: which section of which document is held by which tests.

`python -m tests.conformance` writes it, `--check` only says whether it is current. The tests are read, not imported, so this
takes no longer than opening the files. A tag that docs/sections.toml does not have is a mistake.
"""

import argparse
import ast
import re
import sys
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path

from msgspec import Struct

ROOT = Path(__file__).parent.parent
SECTIONS = ROOT / "docs" / "sections.toml"
PAGE = ROOT / "docs" / "conformance.md"
COMMAND = "script/conformance"

HEAD = f"""# Conformance

Which story holds which section. This page is written by `{COMMAND}` from the tags of the tests (`@pytest.mark.section`),
and a test says when it is not current; the titles are in [sections.toml](sections.toml), in our own words.

A story is a test, its sentence is its name: `test_it_expires` in `class TestItsEnd` reads "Its end: it expires". One line
stands for all values of a parametrized test. Run one: `script/test FILE -k "words and of and its and name"`.
"""


class Story(Struct, frozen=True):
    """One test function. file: as seen from the project's folder. tags: as they are written."""

    file: str
    line: int
    sentence: str
    tags: tuple[str, ...]


class Document(Struct, frozen=True):
    """One document and its sections, number → title, in order. prefix: how tags name it."""

    name: str
    prefix: str
    sections: dict[str, str]

    def tag(self, number: str) -> str:
        return f"{self.prefix} {number}".strip()

    def chapters(self, number: str) -> Iterator[str]:
        """The sections that this one is part of, the nearest first."""
        while "." in number:
            number = number.rpartition(".")[0]
            yield number


class UnknownTag(Exception):
    """Stories with tags that no document has; the text names each."""


def documents(path: Path = SECTIONS) -> list[Document]:
    with path.open("rb") as file:
        return [Document(one["name"], one["prefix"], one["sections"]) for one in tomllib.load(file)["document"]]


def stories(root: Path = ROOT) -> list[Story]:
    """Every test below `root`/tests, tagged or not, by file and line."""
    found: list[Story] = []
    for path in sorted((root / "tests").rglob("test_*.py")):
        module = ast.parse(path.read_text(encoding="utf-8"), str(path))
        found.extend(_stories(module, path.relative_to(root).as_posix()))
    return found


def page(of: list[Document], told: list[Story]) -> str:
    """The whole page. Raises UnknownTag."""
    held = _by_tag(of, told)
    parts = [HEAD, _overview(of, held)]
    for document in of:
        parts.append(f"## {document.name}\n")
        for number, title in document.sections.items():
            if found := held.get(document.tag(number)):
                parts.append(_section(number, title, found))
        parts.append(_left_over(document, held))
    return "\n".join(part for part in parts if part)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(COMMAND, description="Writes docs/conformance.md from the tags of the tests.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit status 1 if the page is not current")
    options = parser.parse_args(arguments)
    try:
        text = page(documents(), stories())
    except UnknownTag as error:
        print(error, file=sys.stderr)
        return 1
    current = PAGE.exists() and PAGE.read_text(encoding="utf-8") == text
    if options.check and not current:
        print(f"docs/conformance.md is not current; run {COMMAND}", file=sys.stderr)
        return 1
    if not current:
        PAGE.write_text(text, encoding="utf-8")
        print("docs/conformance.md was written")
    return 0


def _stories(module: ast.Module, file: str) -> Iterator[Story]:
    of_module = _pytestmark(module)
    for node in module.body:
        if isinstance(node, ast.ClassDef) and node.name.startswith("Test"):
            of_class = of_module + _tags(node.decorator_list) + _pytestmark(node)
            for inner in node.body:
                yield from _story(inner, file, f"{_words(node.name)}: ", of_class)
        else:
            yield from _story(node, file, "", of_module)


def _story(node: ast.stmt, file: str, lead: str, tags: list[str]) -> Iterator[Story]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
        sentence = lead + node.name.removeprefix("test_").replace("_", " ")
        own = _tags(node.decorator_list)
        yield Story(file, node.lineno, sentence[0].upper() + sentence[1:], tuple(dict.fromkeys([*tags, *own])))


def _pytestmark(node: ast.Module | ast.ClassDef) -> list[str]:
    """The tags of `pytestmark = ...` in a module or a class."""
    assigned = (one for one in node.body if isinstance(one, ast.Assign))
    marks = [
        one.value for one in assigned if any(isinstance(name, ast.Name) and name.id == "pytestmark" for name in one.targets)
    ]
    return _tags(marks)


def _tags(within: list[ast.expr]) -> list[str]:
    """Every `pytest.mark.section("...")` in some expressions."""
    calls = (node for expression in within for node in ast.walk(expression) if isinstance(node, ast.Call))
    marks = [call for call in calls if isinstance(call.func, ast.Attribute) and call.func.attr == "section"]
    return [
        mark.args[0].value for mark in marks if isinstance(mark.args[0], ast.Constant) and isinstance(mark.args[0].value, str)
    ]


def _words(name: str) -> str:
    """`TestItsEnd` as `Its end`."""
    words = re.findall(r"[A-Z][a-z0-9]*", name.removeprefix("Test"))
    return " ".join([*words[:1], *(word.lower() for word in words[1:])])


def _by_tag(of: list[Document], told: list[Story]) -> dict[str, list[Story]]:
    known = {document.tag(number) for document in of for number in document.sections}
    held: dict[str, list[Story]] = {}
    wrong: list[str] = []
    for story in told:
        for tag in story.tags:
            if tag not in known:
                where = f"{story.file}:{story.line}: section({tag!r})"
                wrong.append(f"{where} is not in docs/sections.toml; correct the tag, or add the section there")
            held.setdefault(tag, []).append(story)
    if wrong:
        raise UnknownTag("\n".join(wrong))
    return held


def _section(number: str, title: str, found: list[Story]) -> str:
    lines = [f"### {number} {title}\n"]
    for file in dict.fromkeys(story.file for story in found):
        lines.append(f"[{file}](../{file})\n")
        lines.extend(f"- {story.sentence}" for story in found if story.file == file)
        lines.append("")
    return "\n".join(lines)


def _overview(of: list[Document], held: Mapping[str, list[Story]]) -> str:
    lines = ["| document | sections with stories | stories |", "|---|---|---|"]
    for document in of:
        tags = [document.tag(number) for number in document.sections]
        with_stories = sum(tag in held for tag in tags)
        about = len({(one.file, one.line) for tag in tags for one in held.get(tag, [])})
        lines.append(f"| {document.name} | {with_stories} of {len(tags)} | {about} |")
    return "\n".join([*lines, ""])


def _left_over(document: Document, held: Mapping[str, list[Story]]) -> str:
    """What has no story of its own, told apart by whether its chapter or its parts have some."""
    bare = [number for number in document.sections if document.tag(number) not in held]
    parts = {chapter for number in document.sections if document.tag(number) in held for chapter in document.chapters(number)}
    within = [number for number in bare if any(document.tag(chapter) in held for chapter in document.chapters(number))]
    without = [number for number in bare if number not in parts and number not in within]
    lines = []
    for title, numbers in (("Only with the stories of their chapter", within), ("Without a story", without)):
        if numbers:
            lines.append(f"### {title}\n")
            lines.append(", ".join(f"{number} {document.sections[number]}" for number in numbers) + ".\n")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
