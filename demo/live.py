"""What the demo says while it runs: to people, on standard error."""

import sys
import unicodedata
from typing import Any, TextIO

from demo.feeds import Feeds
from demo.plan import Site

LINES_EACH_S = 10.0
TABLE_EACH_S = 1.0


class Live:
    """A line for each compound: redrawn in place on a terminal, repeated elsewhere."""

    def __init__(self, site: Site, feeds: Feeds, *, redraws: bool) -> None:
        self._site = site
        self._feeds = feeds
        self._redraws = redraws
        self._drawn = 0
        self.each_s = TABLE_EACH_S if redraws else LINES_EACH_S

    def draw(self, came: dict[str, int], left_s: float | None) -> None:
        """Show how each compound stands."""
        lines = [_heading(left_s)]
        lines += [self._line(gate.compound, gate.names, came) for gate in self._site.gates]
        if self._redraws and self._drawn:
            _write(f"\x1b[{self._drawn}A")
        for line in lines:
            _write(("\x1b[2K" if self._redraws else "") + line + "\n")
        self._drawn = len(lines)
        sys.stderr.flush()

    def note(self, text: str) -> None:
        """Say something that must not be drawn over."""
        say(text)
        self._drawn = 0

    def _line(self, compound: str, names: dict[str, str], came: dict[str, int]) -> str:
        feed = self._feeds.now(compound)
        figures: dict[str, Any] = feed.get("figures") or {}
        counted = sum(
            figures.get(word, 0)
            for word in (
                "vehicles_in", "vehicles_out", "bicycles_in", "bicycles_out", "on_foot", "unknown",
            )
        )  # fmt: skip
        heard = f"{feed.get('gates_heard', 0)}/{feed.get('gates_expected', 1)}"
        return (
            f"  {_padded(names.get('zh', compound), 12)} {compound:<10} "
            f"{came.get(compound, 0):>5} {counted:>8} {figures.get('admit', 0):>6} "
            f"{figures.get('refer', 0):>6} {figures.get('persons', 0):>8} "
            f"{figures.get('plates_read', 0):>6} {feed.get('waiting', 0):>8} {heard:>6} "
            f"{feed.get('alarms_active', 0):>7}"
        )


def _heading(left_s: float | None) -> str:
    clock = "" if left_s is None else f"{max(0, round(left_s))} s left"
    return (
        f"  {clock:<12} {'compound':<10} {'came':>5} {'counted':>8} {'admit':>6} {'refer':>6} "
        f"{'measured':>8} {'plates':>6} {'waiting':>8} {'gates':>6} {'alarms':>7}"
    )


def say(text: str, stream: TextIO | None = None) -> None:
    """Say a line to people; what programs read stands alone on standard output."""
    print(text, file=stream or sys.stderr, flush=True)


def _write(text: str) -> None:
    sys.stderr.write(text)


def _padded(text: str, width: int) -> str:
    """Pad to a width on the screen, where a Chinese character is two wide."""
    taken = sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)
    return text + " " * max(0, width - taken)
