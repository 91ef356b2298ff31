"""The text format of Prometheus (0.0.4), read strictly: whatever its description does not allow is refused."""

import re
from dataclasses import dataclass, field

NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*\Z")
LINE = re.compile(r"([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)\Z")
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(,|\Z)')
KINDS = {"counter", "gauge", "summary", "histogram", "untyped"}
ENDINGS = {"summary": ("_sum", "_count"), "counter": ("",), "gauge": ("",), "untyped": ("",)}


@dataclass
class Family:
    kind: str
    help: str
    samples: dict[tuple[str, tuple[tuple[str, str], ...]], float] = field(default_factory=dict)

    def value(self, ending: str = "", **labels: str) -> float:
        return self.samples[ending, tuple(sorted(labels.items()))]

    def labels(self) -> list[dict[str, str]]:
        return [dict(labels) for _, labels in self.samples]


def parsed(text: str) -> dict[str, Family]:
    """Every family by its name; AssertionError where the text is not right."""
    assert text.endswith("\n")
    families: dict[str, Family] = {}
    helps: dict[str, str] = {}
    current = ""
    for line in text.removesuffix("\n").split("\n"):
        if line.startswith("# HELP "):
            _, _, name, said = line.split(" ", 3)
            assert NAME.match(name), line
            assert name not in helps, f"twice: {line}"
            helps[name] = said
        elif line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            assert kind in KINDS, line
            assert name not in families, f"twice: {line}"
            assert name in helps, f"without help: {line}"
            families[name], current = Family(kind, helps[name]), name
        else:
            _sample(line, current, families[current])
    return families


def _sample(line: str, name: str, family: Family) -> None:
    match = LINE.match(line)
    assert match, line
    endings = [ending for ending in ENDINGS[family.kind] if match[1] == name + ending]
    assert endings, f"not of {name}: {line}"
    assert family.kind != "counter" or name.endswith("_total"), line
    labels, rest = [], match[2] or ""
    while rest:
        label = LABEL.match(rest)
        assert label, line
        labels.append((label[1], label[2]))
        rest = rest[label.end() :]
    assert len(dict(labels)) == len(labels), line
    key = (endings[0], tuple(sorted(labels)))
    assert key not in family.samples, f"twice: {line}"
    family.samples[key] = float(match[3])
    assert family.kind == "gauge" or float(match[3]) >= 0, line
