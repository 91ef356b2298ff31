"""The house is in order: what no other tool checks of files, scripts and documents. Looks at every file that git knows."""

import ast
import re
import subprocess
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LINES_MAX = 420
FUNCTION_LINES_MAX = 80
# Put together here, so that this file does not hold what it looks for.
UNFINISHED = re.compile(r"\b(" + "|".join(("TO" + "DO", "FIX" + "ME", "X" + "XX(?!_)", "HA" + "CK")) + r")\b")
ELSEWHERE = re.compile("|".join((r"(?<![\w.])/wo" + r"rk/", r"(?<![\w.])/ro" + "ot/", "/ho" + r"me/\w+", r"/tmp/" + r"v\b")))
REGISTRIES = re.compile(
    "|".join(("pypi" + r"\.org", "python" + r"hosted\.org", "npm" + r"js\.(org|com)", "crates" + r"\.io", "--index" + "-url"))
)
TEXTS = {
    ".py",
    ".toml",
    ".md",
    ".service",
    ".c",
    ".h",
    ".json",
    ".svg",
    ".sql",
    ".yml",
    ".yaml",
    ".cfg",
    ".ini",
    ".txt",
    ".css",
    ".html",
    ".js",
    "",
}
SCRIPT_FOLDERS = ("script", ".ci")
LINK = re.compile(r"\]\(([^)\s]+)\)")


@cache
def files() -> tuple[Path, ...]:
    """Every file that is or would be committed."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, timeout=30, check=True)
    names = [name for name in done.stdout.decode().split("\0") if name]
    return tuple(sorted(path for name in set(names) if (path := ROOT / name).is_file()))


def pythons() -> list[Path]:
    return [path for path in files() if path.suffix == ".py"]


def texts() -> Iterator[tuple[Path, str]]:
    for path in files():
        if path.suffix in TEXTS:
            yield path, path.read_text(encoding="utf-8")


def found(pattern: re.Pattern[str]) -> list[str]:
    """Where a pattern stands, as `file:line: text`."""
    return [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()[:100]}"
        for path, text in texts()
        for number, line in enumerate(text.splitlines(), 1)
        if pattern.search(line)
    ]


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def test_there_is_something_to_look_at() -> None:
    assert ROOT / "chargepoint" / "cli" / "main.py" in files()
    assert Path(__file__) in files()


def test_no_python_file_is_too_long() -> None:
    lengths = {str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines()) for path in pythons()}
    assert {name: length for name, length in lengths.items() if length > LINES_MAX} == {}


def test_no_function_is_too_long() -> None:
    long = [
        f"{path.relative_to(ROOT)}:{node.lineno} {node.name}"
        for path in pythons()
        for node in functions(path)
        if (node.end_lineno or node.lineno) - node.lineno + 1 > FUNCTION_LINES_MAX
    ]
    assert long == []


def test_every_module_says_what_it_is() -> None:
    silent = [
        str(path.relative_to(ROOT))
        for path in pythons()
        if path.read_text(encoding="utf-8").strip() and ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) is None
    ]
    assert silent == []


def test_every_test_asserts_something() -> None:
    """A test may assert by itself, in a helper that it calls, or by `raises`; one that does none of it cannot fail."""
    idle = [
        f"{path.relative_to(ROOT)}:{node.lineno} {node.name}"
        for path in pythons()
        if path.name.startswith("test_")
        for node in functions(path)
        if node.name.startswith("test_") and not any(isinstance(inner, ast.Assert | ast.Call) for inner in ast.walk(node))
    ]
    assert idle == []


def test_nothing_is_left_for_later() -> None:
    assert found(UNFINISHED) == []


def test_no_file_knows_the_machine_it_was_written_on() -> None:
    assert found(ELSEWHERE) == []


def test_no_file_names_a_package_registry() -> None:
    assert found(REGISTRIES) == []


def test_scripts_can_be_run_and_stop_at_their_first_error() -> None:
    scripts = [path for path in files() if path.relative_to(ROOT).parts[0] in SCRIPT_FOLDERS and path.suffix == ""]
    assert {"setup", "test", "run"} <= {path.name for path in scripts}
    for path in scripts:
        first = path.read_text(encoding="utf-8").splitlines()[0]
        assert path.stat().st_mode & 0o111 == 0o111, f"{path} is not executable"
        assert first.startswith("#!/usr/bin/env "), f"{path} begins with {first!r}"
        if first.endswith("bash"):
            assert re.search(r"^(set -euo pipefail|exec )", path.read_text(encoding="utf-8"), re.MULTILINE), path
            subprocess.run(["bash", "-n", str(path)], timeout=30, check=True)


@pytest.mark.parametrize(
    "path", [path for path in files() if path.suffix == ".md"], ids=lambda path: str(path.relative_to(ROOT))
)
def test_links_of_a_document_lead_somewhere(path: Path) -> None:
    targets = [target.partition("#")[0] for target in LINK.findall(path.read_text(encoding="utf-8"))]
    dead = [target for target in targets if target and "://" not in target and not (path.parent / target).exists()]
    assert dead == []


def test_every_entry_point_of_the_project_exists() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for target in project["scripts"].values():
        module, _, name = target.partition(":")
        tree = ast.parse((ROOT / (module.replace(".", "/") + ".py")).read_text(encoding="utf-8"))
        named = {alias.asname or alias.name for node in tree.body if isinstance(node, ast.ImportFrom) for alias in node.names}
        assert name in named | {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
