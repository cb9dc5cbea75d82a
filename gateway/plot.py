"""Small charts as SVG text: lines, points and bands in a frame with ticks, several to a sheet.

Written by hand: a plotting library would be forty times the size of what a gate needs of it. Pure.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import ceil, floor, log10
from typing import Final
from xml.sax.saxutils import escape

WIDTH: Final = 380
HEIGHT: Final = 270
LEFT: Final = 58
TOP: Final = 30
RIGHT: Final = 14
BOTTOM: Final = 44
INK: Final = "#14181c"
FAINT: Final = "#c9ced3"
TICKS: Final = 5

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Series:
    """Points of one kind."""

    label: str
    points: tuple[Point, ...]
    colour: str
    line: bool = True
    dashed: bool = False


@dataclass(frozen=True, slots=True)
class Chart:
    """One frame. Ranges are low and high; `log` is of the upright axis."""

    title: str
    across: str
    up: str
    x_range: Point
    y_range: Point
    series: tuple[Series, ...]
    bars: tuple[tuple[float, str], ...] = ()
    """Heights that something must reach, each with its word."""
    log: bool = False

    def x(self, value: float) -> float:
        """Place a value across."""
        low, high = self.x_range
        return LEFT + (value - low) / (high - low) * (WIDTH - LEFT - RIGHT)

    def y(self, value: float) -> float:
        """Place a value up, within the frame."""
        low, high = self.y_range
        if self.log:
            low, high, value = log10(low), log10(high), log10(max(value, self.y_range[0]))
        share = (min(max(value, low), high) - low) / (high - low)
        return HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)


def ticks(low: float, high: float) -> list[float]:
    """Choose round values in a range, about five."""
    raw = (high - low) / TICKS
    ten = 10.0 ** floor(log10(raw))
    step = next(n * ten for n in (1, 2, 2.5, 5, 10) if n * ten >= raw * 0.999)
    first = ceil(low / step - 1e-9)
    return [round(n * step, 10) for n in range(first, floor(high / step + 1e-9) + 1)]


def sheet(charts: Sequence[Chart], columns: int = 2, note: str = "") -> str:
    """Draw charts in rows, with one legend below."""
    rows = ceil(len(charts) / columns)
    legend = {one.label: one for chart in charts for one in chart.series}
    width, below = WIDTH * columns, HEIGHT * rows
    height = below + 22 * ceil(len(legend) / columns) + (24 if note else 8)
    size = f'viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif" font-size="12">',
        f'<rect width="{width}" height="{height}" fill="#fff"/>',
    ]
    for at, chart in enumerate(charts):
        place = f"translate({at % columns * WIDTH} {at // columns * HEIGHT})"
        parts += [f'<g transform="{place}">', *_frame(chart), *_curves(chart), "</g>"]
    for at, one in enumerate(legend.values()):
        x, y = 20 + at % columns * WIDTH, below + 14 + at // columns * 22
        parts.append(
            f'<path d="M{x} {y}h28" {_stroke(one)}/>' if one.line else _dot(one, x + 14, y)
        )
        parts.append(f'<text x="{x + 36}" y="{y + 4}">{escape(one.label)}</text>')
    if note:
        parts.append(f'<text x="20" y="{height - 8}" fill="#5f6c78">{escape(note)}</text>')
    return "\n".join([*parts, "</svg>", ""])


def _frame(chart: Chart) -> Iterable[str]:
    right, foot = WIDTH - RIGHT, HEIGHT - BOTTOM
    yield f'<text x="{LEFT}" y="{TOP - 12}" font-weight="bold">{escape(chart.title)}</text>'
    low, high = chart.y_range
    steps = [10.0**n for n in range(ceil(log10(low)), floor(log10(high)) + 1)] if chart.log else (
        ticks(low, high)
    )  # fmt: skip
    for value in steps:
        y = chart.y(value)
        yield f'<path d="M{LEFT} {y:.1f}H{right}" stroke="{FAINT}"/>'
        yield f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{value:g}</text>'
    for value in ticks(*chart.x_range):
        x = chart.x(value)
        yield f'<path d="M{x:.1f} {foot}v4" stroke="{INK}"/>'
        yield f'<text x="{x:.1f}" y="{foot + 17}" text-anchor="middle">{value:g}</text>'
    yield f'<path d="M{LEFT} {TOP}V{foot}H{right}" fill="none" stroke="{INK}"/>'
    middle = (LEFT + right) / 2
    yield f'<text x="{middle}" y="{HEIGHT - 10}" text-anchor="middle">{escape(chart.across)}</text>'
    up = (TOP + foot) / 2
    yield (
        f'<text x="14" y="{up}" text-anchor="middle" transform="rotate(-90 14 {up})">'
        f"{escape(chart.up)}</text>"
    )
    for value, word in chart.bars:
        y = chart.y(value)
        yield f'<path d="M{LEFT} {y:.1f}H{right}" stroke="#b02a2a" stroke-dasharray="2 3"/>'
        yield (
            f'<text x="{right - 2}" y="{y + 11:.1f}" text-anchor="end" fill="#b02a2a"'
            f' font-size="10">{escape(word)}</text>'
        )


def _curves(chart: Chart) -> Iterable[str]:
    for one in chart.series:
        placed = [(chart.x(x), chart.y(y)) for x, y in one.points]
        if one.line and placed:
            steps = "L".join(f"{x:.1f} {y:.1f}" for x, y in placed)
            yield f'<path d="M{steps}" fill="none" {_stroke(one)}/>'
        else:
            yield from (_dot(one, x, y) for x, y in placed)


def _stroke(one: Series) -> str:
    dash = ' stroke-dasharray="6 4"' if one.dashed else ""
    return f'stroke="{one.colour}" stroke-width="2"{dash}'


def _dot(one: Series, x: float, y: float) -> str:
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{one.colour}"/>'
