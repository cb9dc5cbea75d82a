"""The command `gateway study`: the screening's rules and a fixed threshold on a population."""

import json
from pathlib import Path

import click

from gateway import drawing
from gateway.plot import Chart, Point, Series, sheet
from gateway.study.figures import MINUTES, PEOPLE_A_DAY, Row, as_json, rows

RULE_WORDS = {"gatepost": "Gatepost", "fixed": "fixed 37.3"}
FEVER_WORDS = {"added": "body + 1.9", "guan": "Guan 2020"}
COLOURS = {"gatepost": "#1d6b34", "fixed": "#b02a2a"}
COLUMNS = (
    "rule", "fever", "min", "sensitivity %", "stopped %", "judged %", "settled %",
    "healthy passed %", "guard alarms", "to shelter", "contact", "outward", "right %",
)  # fmt: skip


@click.command("study")
@click.option(
    "--people",
    default=20_000,
    show_default=True,
    type=click.IntRange(100, 1_000_000),
    help="Healthy, and as many of each kind of fever, at each time under shelter.",
)
@click.option("--seed", default=20200211, show_default=True, help="The same seed, the same people.")
@click.option("--json", "as_lines", is_flag=True, help="One JSON object a row, a line each.")
@click.option("--plot", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
              callback=drawing.into(".svg"), help="Draw the figures as SVG into FILE.")  # fmt: skip
def study(people: int, seed: int, *, as_lines: bool, plot: Path | None) -> None:
    """Send people from the cold through Gatepost's rules and a fixed threshold; print a table.

    The people are drawn from published figures (gateway/study/population.py names them); the rules
    are the gate's own functions. Alarms are a day's, of 6,500 people of whom one in a thousand has
    a fever; --json has the other prevalences too.
    """
    found: list[Row] = []
    if not as_lines:
        click.echo(_line(COLUMNS))
        click.echo(_line(("---",) * len(COLUMNS)))
    for row in rows(people, seed):
        found.append(row)
        click.echo(json.dumps(as_json(row)) if as_lines else _line(_cells(row)))
    if plot is not None:
        note = f"Line: fevers of + 1.9 °C, one in a thousand. {people} people a point, seed {seed}"
        plot.write_text(drawn(found, note), encoding="utf-8")


def _line(cells: tuple[str, ...]) -> str:
    return f"| {' | '.join(cells)} |"


def _cells(row: Row) -> tuple[str, ...]:
    load = next(load for load in row.loads if load.prevalence_pct == 0.1)
    return (
        RULE_WORDS[row.rule], FEVER_WORDS[row.fever], f"{row.minutes:g}",
        f"{row.sensitivity_pct:.1f} ± {row.margin_pct:.1f}", f"{row.fevers_stopped_pct:.1f}",
        f"{row.judged_pct:.1f}", f"{row.settled_pct:.1f}", f"{row.healthy_passed_pct:.1f}",
        f"{load.guard_alarms:.0f}", f"{load.to_shelter:.0f}", f"{load.contact:.0f}",
        f"{load.outward_alarms:.1f}", f"{load.outward_of_fevers_pct:.0f}",
    )  # fmt: skip


def drawn(found: list[Row], note: str) -> str:
    """Draw sensitivity, share judged, healthy passed and alarms over the time under shelter."""
    upto = (0.0, float(MINUTES[-1]))
    across = "minutes under shelter before the first reading"

    def curves(value: str, *, both: bool) -> tuple[Series, ...]:
        fevers = {"added": "", "guan": ", fevers as in Guan 2020"} if both else {"added": ""}
        return tuple(
            Series(
                RULE_WORDS[rule] + word,
                _points(found, rule, fever, value), COLOURS[rule], dashed=fever == "guan",
            )
            for rule in RULE_WORDS
            for fever, word in fevers.items()
        )  # fmt: skip

    return sheet(
        (
            Chart("Feverish not NORMAL in the end", across, "%", upto, (0, 100),
                  curves("sensitivity_pct", both=True), ((95, "95 %"),)),
            Chart("Judged on the spot", across, "% of the healthy", upto, (0, 105),
                  curves("judged_pct", both=False), ((80, "80 % from 5 min on"),)),
            Chart("Healthy finally passed", across, "% of the healthy", upto, (80, 100),
                  curves("healthy_passed_pct", both=False), ((90, "90 %"),)),
            Chart(f"Outward alarms a day, {PEOPLE_A_DAY} people", across, "alarms",
                  upto, (1, 1000), curves("outward_alarms", both=False), log=True),
        ),
        note=note,
    )  # fmt: skip


def _points(found: list[Row], rule: str, fever: str, value: str) -> tuple[Point, ...]:
    mine = [row for row in found if row.rule == rule and row.fever == fever]
    if value == "outward_alarms":
        loads = ((row.minutes, row.loads[1]) for row in mine)
        return tuple((minutes, load.outward_alarms) for minutes, load in loads)
    return tuple((row.minutes, getattr(row, value)) for row in mine)
