"""Plots as SVG: power over a session, energy per day. Drawn here, so that they are there without scripts, too."""

from collections.abc import Sequence

from chargepoint.panel.html import Html, tag
from chargepoint.panel.page import duration, energy
from chargepoint.panel.words import Words

WIDTH, HEIGHT = 360, 128
LEFT, RIGHT, TOP, BOTTOM = 34, 6, 10, 20


def power_plot(t: Words, looks: Sequence[Sequence[float]], title: str) -> Html:
    """looks: [age in seconds, power_w, ...], the oldest first, at least two of them."""
    oldest_s, newest_s = looks[0][0], looks[-1][0]
    span_s = max(oldest_s - newest_s, 1.0)
    top_kw = nice_top(max(look[1] for look in looks) / 1000)
    points = [
        (LEFT + (oldest_s - look[0]) / span_s * (WIDTH - LEFT - RIGHT), _y(max(look[1], 0.0) / 1000, top_kw)) for look in looks
    ]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    floor = HEIGHT - BOTTOM
    area = f"M{points[0][0]:.1f},{floor} L{line.replace(' ', ' L')} L{points[-1][0]:.1f},{floor}Z"
    ages = [
        tag("text", f"-{duration(oldest_s)}", x=LEFT, y=HEIGHT - 5, class_="tick"),
        tag("text", t("now") if newest_s < 30 else f"-{duration(newest_s)}", x=WIDTH - RIGHT, y=HEIGHT - 5, class_="tick end"),
    ]
    peak = t(
        "{title}: at most {kw} kW, now {now} kW",
        title=title,
        kw=t.number(max(look[1] for look in looks) / 1000, 1),
        now=t.number(looks[-1][1] / 1000, 1),
    )
    return tag(
        "svg",
        tag("title", peak),
        _grid(t, top_kw, "kW"),
        tag("path", d=area, class_="area"),
        tag("polyline", points=line, class_="line"),
        tag("circle", cx=f"{points[-1][0]:.1f}", cy=f"{points[-1][1]:.1f}", r=3, class_="dot"),
        ages,
        viewBox=f"0 0 {WIDTH} {HEIGHT}",
        class_="plot",
        role="img",
        aria_label=peak,
    )


def day_plot(t: Words, days: Sequence[tuple[str, float]], title: str) -> Html:
    """Bars. days: (date, energy_wh), the oldest first."""
    top_kwh = nice_top(max((wh for _, wh in days), default=0.0) / 1000)
    wide = (WIDTH - LEFT - RIGHT) / max(len(days), 1)
    floor = HEIGHT - BOTTOM
    bars = [
        tag(
            "rect",
            x=f"{LEFT + at * wide + wide * 0.12:.1f}",
            y=f"{_y(wh / 1000, top_kwh):.1f}",
            width=f"{wide * 0.76:.1f}",
            height=f"{floor - _y(wh / 1000, top_kwh):.1f}",
            rx=1,
            class_="bar",
        )
        for at, (_, wh) in enumerate(days)
    ]
    total = t("{title}: {energy} in {count} days", title=title, energy=energy(t, sum(wh for _, wh in days)), count=len(days))
    ends = (
        [
            tag("text", days[0][0][5:], x=LEFT, y=HEIGHT - 5, class_="tick"),
            tag("text", days[-1][0][5:], x=WIDTH - RIGHT, y=HEIGHT - 5, class_="tick end"),
        ]
        if days
        else []
    )
    return tag(
        "svg",
        tag("title", total),
        _grid(t, top_kwh, "kWh"),
        bars,
        ends,
        viewBox=f"0 0 {WIDTH} {HEIGHT}",
        class_="plot wide",
        role="img",
        aria_label=total,
    )


def nice_top(value: float) -> float:
    """The end of an axis: 1, 2, 4 or 5 times a power of ten, not below the value, at least 1."""
    step = 1.0
    while True:
        for factor in (1, 2, 4, 5):
            if step * factor >= value:
                return step * factor
        step *= 10


def _grid(t: Words, top: float, unit: str) -> list[Html]:
    lines = []
    for share in (0.0, 0.5, 1.0):
        y = _y(top * share, top)
        lines.append(tag("line", x1=LEFT, y1=f"{y:.1f}", x2=WIDTH - RIGHT, y2=f"{y:.1f}", class_="grid"))
        label = t.number(top * share, 0 if top >= 2 or share in (0.0, 1.0) else 1)
        lines.append(tag("text", label, x=LEFT - 5, y=f"{y + 3:.1f}", class_="tick end"))
    lines.append(tag("text", unit, x=LEFT + 4, y=TOP + 3, class_="tick"))
    return lines


def _y(value: float, top: float) -> float:
    floor = HEIGHT - BOTTOM
    return floor - min(value / top, 1.0) * (floor - TOP)
