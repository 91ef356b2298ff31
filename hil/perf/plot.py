"""Curves as SVG: one file for each thing that grows, one panel for each figure. Written by hand, so that it needs no library,
looks the same every time and reads on light and dark pages alike.
"""

from html import escape
from math import floor, log10

from hil.perf.growth import Curve, Growth

PANEL_W, PANEL_H, GAP = 300, 250, 14
LEFT, RIGHT, TOP, BOTTOM = 48, 22, 52, 46
HEAD = 40
STYLE = """
    text { font: 12px system-ui, sans-serif; fill: #1f2328 }
    .title { font-size: 16px; font-weight: 600 } .what { font-weight: 600 } .soft { fill: #59636e }
    .grid { stroke: #d1d9e0; stroke-width: 1 } .axis { stroke: #818b98; stroke-width: 1 }
    .line { fill: none; stroke: #0969da; stroke-width: 2 } .dot { fill: #0969da } .page { fill: #ffffff }
    .value { paint-order: stroke; stroke: #ffffff; stroke-width: 4; stroke-linejoin: round }
    @media (prefers-color-scheme: dark) {
      text { fill: #f0f6fc } .soft { fill: #9198a1 } .grid { stroke: #3d444d } .axis { stroke: #656c76 }
      .line { stroke: #58a6ff } .dot { fill: #58a6ff } .page { fill: #0d1117 }
      .value { stroke: #0d1117 }
    }"""


def svg(growth: Growth) -> str:
    """The whole file."""
    width = len(growth.curves) * (PANEL_W + GAP) + GAP
    height = HEAD + PANEL_H + GAP
    panels = "\n".join(
        _panel(curve, growth.over, GAP + number * (PANEL_W + GAP), HEAD) for number, curve in enumerate(growth.curves)
    )
    size = f'viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
    return f"""<svg xmlns="http://www.w3.org/2000/svg" {size} role="img">
  <title>{escape(growth.title)}</title>
  <style>{STYLE}
  </style>
  <rect class="page" width="{width}" height="{height}" rx="6"/>
  <text class="title" x="{GAP + 4}" y="27">{escape(growth.title)}</text>
{panels}
</svg>
"""


def _panel(curve: Curve, over: str, x0: int, y0: int) -> str:
    sizes = [size for size, _ in curve.points]
    top = nice(max(value for _, value in curve.points))
    left, right = x0 + LEFT, x0 + PANEL_W - RIGHT
    ceiling, floor_y = y0 + TOP, y0 + PANEL_H - BOTTOM

    def x(size: int) -> float:
        if len(sizes) == 1:
            return (left + right) / 2
        return left + 12 + (right - left - 24) * log10(size / sizes[0]) / log10(sizes[-1] / sizes[0])

    def y(value: float) -> float:
        return floor_y - (floor_y - ceiling) * value / top

    out = [f'  <text class="what" x="{x0 + 4}" y="{y0 + 20}">{escape(curve.what)}, {escape(curve.unit)}</text>']
    for step in range(5):
        value = top * step / 4
        kind = "grid" if step else "axis"
        out.append(f'  <line class="{kind}" x1="{left}" x2="{right}" y1="{y(value):.1f}" y2="{y(value):.1f}"/>')
        out.append(f'  <text class="soft" x="{left - 6}" y="{y(value) + 4:.1f}" text-anchor="end">{value:g}</text>')
    for size in sizes:
        out.append(f'  <text class="soft" x="{x(size):.1f}" y="{floor_y + 17}" text-anchor="middle">{short(size)}</text>')
    middle = (left + right) / 2
    out.append(f'  <text class="soft" x="{middle:.1f}" y="{floor_y + 36}" text-anchor="middle">{escape(over)}</text>')
    path = " ".join(f"{x(size):.1f},{y(value):.1f}" for size, value in curve.points)
    out.append(f'  <polyline class="line" points="{path}"/>')
    for size, value in curve.points:
        out.append(f'  <circle class="dot" cx="{x(size):.1f}" cy="{y(value):.1f}" r="3.5"/>')
        out.append(f'  <text class="value" x="{x(size):.1f}" y="{y(value) - 9:.1f}" text-anchor="middle">{value:.3g}</text>')
    return "\n".join(out)


def nice(value: float) -> float:
    """The end of an axis that begins at 0: 1, 2, 4, 5 or 8 times a power of ten, with room above the value."""
    if value <= 0:
        return 1.0
    wanted = 1.08 * value
    unit = 10.0 ** floor(log10(wanted))
    return next(step * unit for step in (1, 2, 4, 5, 8, 10) if step * unit >= wanted * (1 - 1e-9))


def short(size: int) -> str:
    return f"{size // 1_000}k" if size >= 1_000 else str(size)
