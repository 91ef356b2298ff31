"""Draws the connector's statuses and what leads from one to the other, from the table that the stories are held against.

`script/diagram` writes docs/connector-states.svg, `script/diagram --check` says whether the committed file is current.
Nodes stand where a person put them; everything else follows from `transitions`.
"""

import argparse
import sys
from collections.abc import Iterator
from math import hypot
from pathlib import Path
from xml.sax.saxutils import escape

from msgspec import Struct

from chargepoint.messages import ChargePointStatus as Status
from tests.core.transitions import DEVIATIONS, LETTERS, ORDER, TABLE, ends

FILE = Path(__file__).parents[2] / "docs" / "connector-states.svg"
WIDTH, GRAPH_HEIGHT = 1400, 800
NODE_W, NODE_H = 188, 56
GAP = 5.0  # between a node and an arrow's ends
LINE_H = 19
COLUMNS = 3
FONT = "font-family=\"'Segoe UI', 'DejaVu Sans', Helvetica, Arial, sans-serif\""

Point = tuple[float, float]


class Node(Struct, frozen=True):
    x: float
    y: float
    fill: str
    stroke: str


class Bend(Struct, frozen=True):
    """How an arrow leaves the straight line. by: pixels to its left, half-way. at: where its label sits, 0 to 1.

    start, end: shifts of its ends along the nodes' borders, in pixels right and down.
    """

    by: float = 0.0
    at: float = 0.5
    start: Point = (0.0, 0.0)
    end: Point = (0.0, 0.0)


NODES: dict[Status, Node] = {
    Status.Reserved: Node(210, 150, "#f3e8ff", "#9333ea"),
    Status.Available: Node(210, 380, "#ecfdf5", "#059669"),
    Status.Unavailable: Node(210, 610, "#f1f5f9", "#64748b"),
    Status.Preparing: Node(880, 150, "#eff6ff", "#2563eb"),
    Status.SuspendedEV: Node(610, 380, "#fffbeb", "#d97706"),
    Status.Charging: Node(880, 380, "#dcfce7", "#16a34a"),
    Status.SuspendedEVSE: Node(1150, 380, "#fffbeb", "#d97706"),
    Status.Finishing: Node(880, 610, "#f0fdfa", "#0d9488"),
    Status.Faulted: Node(690, 748, "#fef2f2", "#dc2626"),
}

BENDS: dict[str, Bend] = {
    "A2": Bend(by=16, at=0.42),
    "A7": Bend(by=16, start=(40, 0), end=(40, 0)),
    "A8": Bend(by=16, start=(40, 0), end=(40, 0)),
    "B1": Bend(by=16, at=0.52),
    "B6": Bend(by=378, at=0.36, start=(0, 8), end=(0, -8)),
    "B7": Bend(by=16, at=0.5),
    "B8": Bend(by=-26, at=0.68),
    "C4": Bend(by=14),
    "C5": Bend(by=14),
    "D3": Bend(by=14),
    "D5": Bend(by=58, at=0.28, start=(30, 0), end=(-30, 0)),
    "E3": Bend(by=14),
    "E4": Bend(by=58, at=0.28, start=(-30, 0), end=(30, 0)),
    "F1": Bend(by=18, at=0.5),
    "F2": Bend(by=-424, at=0.5, start=(0, 14), end=(0, -14)),
    "F7": Bend(by=48, at=0.3),
    "F8": Bend(by=14),
    "G1": Bend(by=16, start=(40, 0), end=(40, 0)),
    "G2": Bend(by=16),
    "G8": Bend(by=-116, at=0.5, start=(-40, 0), end=(-40, 0)),
    "H1": Bend(by=16, start=(40, 0), end=(40, 0)),
    "H2": Bend(by=62, at=0.34),
    "H6": Bend(by=14),
    "H7": Bend(by=74, at=0.26, start=(-40, 0), end=(-40, 0)),
}

STYLE = """
  .node { stroke-width: 2; }
  .name { font-size: 15px; font-weight: 600; fill: #0f172a; }
  .letter { font-size: 12px; font-weight: 700; fill: #ffffff; }
  .arrow { fill: none; stroke: #475569; stroke-width: 1.6; }
  .own { stroke: #b45309; stroke-dasharray: 6 4; }
  .fault { stroke: #dc2626; }
  .pill { fill: #ffffff; stroke: #cbd5e1; }
  .code { font-size: 12px; font-weight: 600; fill: #334155; }
  .text { font-size: 12.5px; fill: #334155; }
  .title { font-size: 22px; font-weight: 700; fill: #0f172a; }
  .small { font-size: 13px; fill: #64748b; }
"""


def drawn() -> list[str]:
    """The transitions that are arrows of their own: those that the station makes, without the ones that faults make."""
    names = [name for name, one in TABLE.items() if one.taken] + list(DEVIATIONS)
    return sorted(name for name in names if Status.Faulted not in ends(name))


def render() -> str:
    """The whole picture."""
    rows = -(-len(_legend()) // COLUMNS)
    height = GRAPH_HEIGHT + (rows + len(DEVIATIONS) + 4) * LINE_H
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" {FONT}>',
        "<title>Statuses of a connector, OCPP 1.6 section 4.9</title>",
        f"<style>{STYLE}</style>",
        *_markers(),
        f'<rect width="{WIDTH}" height="{height}" rx="14" fill="#ffffff"/>',
        '<text class="title" x="40" y="48">What follows what: the statuses of a connector</text>',
        '<text class="small" x="40" y="72">OCPP 1.6 section 4.9. A letter is the status that is left, a number the one that '
        "follows. Drawn from the table that the stories are held against.</text>",
        *_fault_frame(),
        *(line for name in drawn() for line in _arrow(name)),
        *(line for status in ORDER for line in _node(status)),
        *(line for name in drawn() for line in _label(name)),
        *_texts(),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _markers() -> Iterator[str]:
    yield "<defs>"
    for name, colour in (("tip", "#475569"), ("own-tip", "#b45309"), ("fault-tip", "#dc2626")):
        yield (
            f'<marker id="{name}" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7" '
            f'orient="auto-start-reverse"><path d="M0 0 L10 5 L0 10 z" fill="{colour}"/></marker>'
        )
    yield "</defs>"


def _fault_frame() -> Iterator[str]:
    """Faulted lies over every other status: one frame, one way in and one way out."""
    node = NODES[Status.Faulted]
    yield (
        f'<rect x="24" y="92" width="{WIDTH - 48}" height="590" rx="18" fill="none" stroke="#fca5a5" '
        'stroke-width="1.6" stroke-dasharray="3 5"/>'
    )
    top = node.y - NODE_H / 2
    for x, path, code in (
        (node.x - 34, f"M{node.x - 34} 682 L{node.x - 34} {top - GAP}", "A9 to H9"),
        (node.x + 34, f"M{node.x + 34} {top - GAP} L{node.x + 34} 686", "I1 to I8"),
    ):
        yield f'<path class="arrow fault" d="{path}" marker-end="url(#fault-tip)"/>'
        anchor, shift = ("end", -10) if x < node.x else ("start", 10)
        yield f'<text class="code" x="{x + shift:g}" y="706" text-anchor="{anchor}">{code}</text>'


def _node(status: Status) -> Iterator[str]:
    node = NODES[status]
    x, y = node.x - NODE_W / 2, node.y - NODE_H / 2
    yield (
        f'<rect class="node" x="{x:g}" y="{y:g}" width="{NODE_W}" height="{NODE_H}" rx="14" '
        f'fill="{node.fill}" stroke="{node.stroke}"/>'
    )
    yield f'<circle cx="{x + 22:g}" cy="{node.y:g}" r="11" fill="{node.stroke}"/>'
    yield f'<text class="letter" x="{x + 22:g}" y="{node.y + 4.5:g}" text-anchor="middle">{LETTERS[status]}</text>'
    yield f'<text class="name" x="{x + 42:g}" y="{node.y + 5.5:g}">{status.value}</text>'


class Curve(Struct, frozen=True):
    """A quadratic Bezier curve."""

    start: Point
    control: Point
    end: Point

    def at(self, t: float) -> Point:
        a, b, c = (1 - t) ** 2, 2 * t * (1 - t), t**2
        x, y = (a * p + b * q + c * r for p, q, r in zip(self.start, self.control, self.end, strict=True))
        return x, y


def _curve(name: str) -> Curve:
    """From border to border, bent as BENDS says."""
    before, after = (NODES[status] for status in ends(name))
    bend = BENDS.get(name, Bend())
    a = (before.x + bend.start[0], before.y + bend.start[1])
    b = (after.x + bend.end[0], after.y + bend.end[1])
    length = hypot(b[0] - a[0], b[1] - a[1])
    left = ((b[1] - a[1]) / length, -(b[0] - a[0]) / length)
    control = ((a[0] + b[0]) / 2 + 2 * bend.by * left[0], (a[1] + b[1]) / 2 + 2 * bend.by * left[1])
    return Curve(_border(before, a, control), control, _border(after, b, control))


def _border(node: Node, inside: Point, towards: Point) -> Point:
    """Where the line from a point inside a node leaves it, and GAP further."""
    dx, dy = towards[0] - inside[0], towards[1] - inside[1]
    reaches = []
    if dx:
        reaches.append(((node.x + (NODE_W / 2 if dx > 0 else -NODE_W / 2)) - inside[0]) / dx)
    if dy:
        reaches.append(((node.y + (NODE_H / 2 if dy > 0 else -NODE_H / 2)) - inside[1]) / dy)
    t = min(reaches) + GAP / hypot(dx, dy)
    return inside[0] + t * dx, inside[1] + t * dy


def _arrow(name: str) -> Iterator[str]:
    curve = _curve(name)
    own = name in DEVIATIONS
    points = " ".join(f"{value:.1f}" for point in (curve.control, curve.end) for value in point)
    yield (
        f'<path class="arrow{" own" if own else ""}" d="M{curve.start[0]:.1f} {curve.start[1]:.1f} Q{points}" '
        f'marker-end="url(#{"own-tip" if own else "tip"})"><title>{escape(_why(name))}</title></path>'
    )


def _label(name: str) -> Iterator[str]:
    x, y = _curve(name).at(BENDS.get(name, Bend()).at)
    yield f'<rect class="pill" x="{x - 14:.1f}" y="{y - 10:.1f}" width="28" height="20" rx="10"/>'
    yield f'<text class="code" x="{x:.1f}" y="{y + 4.5:.1f}" text-anchor="middle">{name}</text>'


def _why(name: str) -> str:
    return DEVIATIONS[name] if name in DEVIATIONS else TABLE[name].why


def _legend() -> list[tuple[str, str]]:
    """What stands under the graph: a name and a sentence each."""
    rows = [(name, TABLE[name].why) for name in drawn() if name in TABLE]
    return [*rows, ("x9", "a fault that makes charging impossible"), ("I1-8", "the fault is gone: what holds without it")]


def _texts() -> Iterator[str]:
    rows = _legend()
    per_column = -(-len(rows) // COLUMNS)
    for at, (name, why) in enumerate(rows):
        x = 40 + (at // per_column) * (WIDTH - 60) / COLUMNS
        y = GRAPH_HEIGHT + 30 + (at % per_column) * LINE_H
        yield f'<text class="code" x="{x:g}" y="{y:g}">{name}</text>'
        yield f'<text class="text" x="{x + 38:g}" y="{y:g}">{escape(why)}</text>'
    y = GRAPH_HEIGHT + 30 + (per_column + 1) * LINE_H
    yield f'<path class="arrow own" d="M40 {y - 4:g} L78 {y - 4:g}" marker-end="url(#own-tip)"/>'
    yield f'<text class="text" x="90" y="{y:g}">not in the table of the specification, for a reason:</text>'
    for at, (name, why) in enumerate(sorted(DEVIATIONS.items()), 1):
        yield f'<text class="code" x="40" y="{y + at * LINE_H:g}">{name}</text>'
        yield f'<text class="text" x="78" y="{y + at * LINE_H:g}">{escape(why)}</text>'


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="script/diagram", description="Draws docs/connector-states.svg.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if the file is not up to date")
    options = parser.parse_args(arguments)
    picture = render()
    current = FILE.read_text(encoding="utf-8") if FILE.exists() else ""
    if options.check:
        if current != picture:
            print(f"{FILE} is not what the table says: run script/diagram", file=sys.stderr)
        return int(current != picture)
    FILE.write_text(picture, encoding="utf-8")
    print(f"{FILE}: {len(drawn())} arrows")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
