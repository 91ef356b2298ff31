"""Plots as SVG: power over a session, energy per day. Drawn here, so that they are there without scripts, too.

A plot that has a whole page's width is drawn twice, broad and slim; the style sheet shows the one whose letters can be read.
"""

from collections.abc import Callable, Sequence

from chargepoint.panel.html import Html, Inside, joined, tag
from chargepoint.panel.page import duration, energy
from chargepoint.panel.words import Words

SLIM, BROAD, HEIGHT = 360, 900, 136
LEFT, RIGHT, TOP, BOTTOM = 34, 6, 18, 20
FLOOR = HEIGHT - BOTTOM


class Canvas:
    """One drawing. top: the value at its upper end."""

    def __init__(self, t: Words, width: int, top: float, unit: str) -> None:
        self.width = width - LEFT - RIGHT
        self._top = top
        self._pieces: list[Inside] = [self._line(t, share) for share in (0.0, 0.5, 1.0)]
        self._pieces.append(tag("text", unit, x=LEFT, y=TOP - 7, class_="tick"))
        self._right = width - RIGHT

    def y(self, value: float) -> float:
        return FLOOR - min(max(value / self._top, 0.0), 1.0) * (FLOOR - TOP)

    def add(self, *pieces: Inside) -> None:
        self._pieces.extend(pieces)

    def ends(self, left: str, right: str) -> None:
        """What stands below the two ends."""
        self.add(tag("text", left, x=LEFT, y=HEIGHT - 5, class_="tick"))
        self.add(tag("text", right, x=self._right, y=HEIGHT - 5, class_="tick end"))

    def drawn(self, told: str, kind: str) -> Html:
        box = f"0 0 {self.width + LEFT + RIGHT} {HEIGHT}"
        return tag("svg", tag("title", told), self._pieces, viewBox=box, class_=f"plot {kind}", role="img", aria_label=told)

    def _line(self, t: Words, share: float) -> Inside:
        value = self._top * share
        y = self.y(value)
        label = t.number(value, 0 if value == int(value) else 1)
        return (
            tag("line", x1=LEFT, y1=f"{y:.1f}", x2=LEFT + self.width, y2=f"{y:.1f}", class_="grid"),
            tag("text", label, x=LEFT - 5, y=f"{y + 3:.1f}", class_="tick end"),
        )


def power_plot(t: Words, looks: Sequence[Sequence[float]], title: str, *, wide: bool = False) -> Html:
    """looks: [age in seconds, power_w, ...], the oldest first, at least two of them."""
    oldest_s, newest_s = looks[0][0], looks[-1][0]
    span_s = max(oldest_s - newest_s, 1.0)
    most_w = max(look[1] for look in looks)
    told = t(
        "{title}: at most {kw} kW, at last {now} kW",
        title=title,
        kw=t.number(most_w / 1000, 1),
        now=t.number(looks[-1][1] / 1000, 1),
    )

    def draw(width: int, kind: str) -> Html:
        canvas = Canvas(t, width, nice_top(most_w / 1000), "kW")
        points = [(LEFT + (oldest_s - look[0]) / span_s * canvas.width, canvas.y(look[1] / 1000)) for look in looks]
        line = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        area = f"M{points[0][0]:.1f},{FLOOR} L{line.replace(' ', ' L')} L{points[-1][0]:.1f},{FLOOR}Z"
        canvas.add(tag("path", d=area, class_="area"), tag("polyline", points=line, class_="line"))
        canvas.add(tag("circle", cx=f"{points[-1][0]:.1f}", cy=f"{points[-1][1]:.1f}", r=3, class_="dot"))
        canvas.ends(f"-{duration(oldest_s)}", t("now") if newest_s < 30 else f"-{duration(newest_s)}")
        return canvas.drawn(told, kind)

    return _both(draw) if wide else draw(SLIM, "")


def day_plot(t: Words, days: Sequence[tuple[str, float]], title: str) -> Html:
    """Bars. days: (date, energy_wh), the oldest first, at least one."""
    top_kwh = nice_top(max(wh for _, wh in days) / 1000)
    total_wh = sum(wh for _, wh in days)
    told = t("{title}: {energy} in {count} days", title=title, energy=energy(t, total_wh), count=len(days))

    def draw(width: int, kind: str) -> Html:
        canvas = Canvas(t, width, top_kwh, "kWh")
        step = canvas.width / len(days)
        for at, (day, wh) in enumerate(days):
            if wh <= 0:
                continue
            y = canvas.y(wh / 1000)
            name = tag("title", f"{day}: {energy(t, wh)}")
            place = {"x": f"{LEFT + at * step + step * 0.14:.1f}", "y": f"{y:.1f}", "width": f"{step * 0.72:.1f}"}
            canvas.add(tag("rect", name, **place, height=f"{FLOOR - y:.1f}", rx=1, class_="bar"))
        canvas.ends(days[0][0][5:], days[-1][0][5:])
        return canvas.drawn(told, kind)

    return _both(draw)


def nice_top(value: float) -> float:
    """The end of an axis: a round number, not below the value, at least 1."""
    step = 1.0
    while True:
        for factor in (1, 1.2, 1.6, 2, 2.4, 3, 4, 5, 6, 8):
            if step * factor >= value:
                return step * factor
        step *= 10


def _both(draw: Callable[[int, str], Html]) -> Html:
    return joined((draw(BROAD, "broad"), draw(SLIM, "slim")))
