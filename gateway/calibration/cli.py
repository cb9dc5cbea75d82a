"""The command `gateway calibrate`: leads an installer through a calibration, and records it."""

import csv
import json
import sys
from collections.abc import Iterator
from dataclasses import astuple
from math import inf, isfinite
from pathlib import Path
from typing import Any, Final, get_args

import click
import msgspec

from gateway import clock, config, folder
from gateway.calibration.drawing import drawn
from gateway.calibration.fit import RULES, Method, Point, fit, shown
from gateway.calibration.record import DAY_MS, Pair, Record, day, keep
from gateway.calibration.taking import Listening, told
from gateway.config import Settings, ThermometerSettings
from gateway.core.instrument import Instrument, estimate
from gateway.errors import CalibrationRefused, GateError, SettingsRefused

LEAD: Final[dict[Method, str]] = {
    "field": (
        "现场比对 Field comparison. Where people are measured, after the time under shelter that\n"
        "they have there. Ten people or more, better twenty: measure each under the arm for 5\n"
        "minutes with a clinical thermometer, then the forehead from 3 cm.\n"
        "至少十人,最好二十人;逐人先量腋下 5 分钟,再量额头。\n"
    ),
    "blackbody": (
        "黑体 Blackbody. Thermometer and source on for 30 minutes, 18 to 24 °C, no sun, no wind.\n"
        "Two or three temperatures, as 35, 37 and 39 °C; let each settle.\n"
        "两三个温度,各等稳定后再测。\n"
    ),
}


class Finite(click.FloatRange):
    """A number within bounds; `nan`, which no bound keeps out, is refused."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Read the number, or say what is wrong with it."""
        number = super().convert(value, param, ctx)
        if not isfinite(number):
            self.fail(f"{value!r} is no number.", param, ctx)
        return number


@click.command("calibrate")
@click.option(
    "--config",
    "config_file",
    required=True,
    metavar="FILE",
    help="The gate's TOML.",
    type=click.Path(dir_okay=False, path_type=Path),
)
@click.option("--thermometer", "name", required=True, help="Which of its thermometers.")
@click.option(
    "--method",
    required=True,
    type=click.Choice(get_args(Method)),
    help="field: ten people, forehead against armpit. blackbody: two or three points.",
)
@click.option("--by", help="Who calibrates; asked for when missing.")
@click.option("--against", help="The reference's make and number; asked for when missing.")
@click.option(
    "--points",
    "points_file",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Ask nothing: CSV with reference_c and raw_c (noted before) or port (measured now).",
)
@click.option(
    "--ambient-c", type=Finite(-50, 60), help="The air where it was done, for the record."
)
@click.option(
    "--holds-from-c",
    default=-20.0,
    show_default=True,
    type=Finite(-50, 50),
    help="In colder air it does not hold: nobody is judged there.",
)
@click.option(
    "--holds-to-c",
    default=50.0,
    show_default=True,
    type=Finite(-50, 60),
    help="In hotter air it does not hold. Narrower than -20 to 50 it needs ambient_centi_c.",
)
@click.option(
    "--valid-days",
    type=Finite(1, 366),
    help="For how long it holds; the settings' calibration_days otherwise.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object at the end.")  # fmt: skip
def calibrate(config_file: Path, *, as_json: bool, **said: Any) -> None:
    """Calibrate a thermometer; the gateway uses the result from its next start.

    Stop the gateway first: a port is one program's. The result, and its plot as SVG, stand in
    the folder `calibration` of the gate's data folder.
    """
    if said["holds_from_c"] >= said["holds_to_c"]:
        raise click.UsageError("--holds-from-c must be below --holds-to-c: it would hold nowhere.")
    try:
        settings = config.read(config_file)
        thermometer = _thermometer(settings, said["name"])
        at_ms = _moment(settings)
        where = config.data_folder(settings)
    except GateError as error:
        click.echo(f"{config_file}: {error}", err=True)
        sys.exit(2)
    method, file = said["method"], said["points_file"]
    try:
        by = _word(said["by"], "谁校准的 Who calibrates", ask=file is None)
        against = _word(said["against"], "参照 Against what (make, number)", ask=file is None)
        if file is None:
            click.echo(LEAD[method], err=True)
            points = _ask(thermometer, method, settings)
        else:
            points = _from_file(file, thermometer, method, settings)
        found = fit(points, method)
        days = said["valid_days"] or settings.limits.calibration_days
        ambient_c = said["ambient_c"]
        record = Record(
            device=thermometer.name, driver=thermometer.driver, method=method, by=by,
            reference=against, made_ms=at_ms, expires_ms=at_ms + round(days * DAY_MS),
            points=tuple(Pair(*astuple(one)) for one in points),
            offset_centi_c=found.offset_centi_c, slope=found.slope,
            slope_margin=found.slope_margin, residual_centi_c=found.residual_centi_c,
            ambient_centi_c=None if ambient_c is None else round(100 * ambient_c),
            box_ambient_centi_c_min=round(100 * said["holds_from_c"]),
            box_ambient_centi_c_max=round(100 * said["holds_to_c"]),
        )  # fmt: skip
        path = keep(where, record, drawn(record))
    except (GateError, OSError) as error:
        click.echo(f"Not calibrated. 没有校准。 {error}", err=True)
        sys.exit(1)
    if as_json:
        row = {"file": str(path), "name": record.name, **msgspec.to_builtins(record)}
        click.echo(json.dumps(row, ensure_ascii=False))
        return
    click.echo(
        f"{record.name}: {len(points)} points, offset {found.offset_centi_c / 100:+.2f} °C,"
        f" slope {record.slope_shown}, at most {shown(found.residual_centi_c)} left;"
        f" holds until {day(record.expires_ms)}.\n{path}\n{path.with_suffix('.svg')}\n"
        "Start the gateway again. 请重新启动网关。"
    )
    if isinstance(estimate(3650, None, None, Instrument(record.calibration)), str):
        click.echo("Where ambient_centi_c is not set it judges nobody. 须设 ambient_centi_c。")


def _thermometer(settings: Settings, name: str) -> ThermometerSettings:
    """Find the thermometer; raises SettingsRefused."""
    found = next((one for one in settings.thermometer if one.name == name), None)
    if found is None:
        there = ", ".join(one.name for one in settings.thermometer) or "none"
        raise SettingsRefused(f"thermometer {name!r}: there is none; there are: {there}.")
    if found.vendor_compensated:
        raise SettingsRefused(
            f"thermometer.{name}.vendor_compensated = true: it makes up a body temperature, and"
            " NIM's comparison says nothing of such a module; set it to raw values or replace it."
        )
    if config.is_array(found):
        raise SettingsRefused(
            f"thermometer.{name}.driver = {found.driver!r}: an array finds the face and does not"
            " decide fever; calibrate the thermometer beside it."
        )
    return found


def _moment(settings: Settings) -> int:
    """Give the date; raises SettingsRefused while nobody can believe it."""
    if folder.clock_state(settings)() == "unset":
        raise SettingsRefused(
            "The clock is not set, and a calibration needs its date: connect the network, or set"
            " it (timedatectl set-time)."
        )
    return clock.wall_ms()


def _word(given: str | None, prompt: str, *, ask: bool) -> str:
    word = (given or "").strip()
    if not word and ask:
        word = click.prompt(prompt, err=True).strip()
    if not word:
        raise CalibrationRefused("Say --by and --against: a calibration is somebody's word.")
    return word[:120]


# --- Points ---------------------------------------------------------------------------------


def _measured(line: Listening, method: Method, reference_centi_c: int, settings: Settings) -> Point:
    if RULES[method].people:
        return line.forehead(reference_centi_c, settings.limits)
    return line.blackbody(reference_centi_c)


def _ask(thermometer: ThermometerSettings, method: Method, settings: Settings) -> tuple[Point, ...]:
    """Lead through the points, one by one; what fails is measured again."""
    rules, points = RULES[method], list[Point]()
    what = "腋下 °C Armpit" if rules.people else "黑体 °C Source"
    with Listening(thermometer) as line:
        while True:
            number = len(points) + 1
            enough = number > rules.points_min
            end = ",回车结束 empty: done" if enough else f", {rules.points_min} needed"
            typed = click.prompt(
                f"{number}. {what}{end}", default="" if enough else None, show_default=False,
                err=True,
            )  # fmt: skip
            if not typed:
                return tuple(points)
            try:
                reference_centi_c = _degrees(typed, f"point {number}")
                click.echo("  测量中 Measuring ...", err=True)
                point = _measured(line, method, reference_centi_c, settings)
            except CalibrationRefused as error:
                click.echo(f"  再来 Again: {error}", err=True)
                continue
            click.echo(told(number, point), err=True)
            points.append(point)


def _from_file(
    file: Path, thermometer: ThermometerSettings, method: Method, settings: Settings
) -> tuple[Point, ...]:
    """Take the points that were noted, or measure them at the ports that are named."""
    points = []
    for number, row in enumerate(_rows(file), 1):
        where = f"{file}, point {number}"
        reference_centi_c = _degrees(row["reference_c"], where)
        if row.get("raw_c"):
            points.append(Point(reference_centi_c, _degrees(row["raw_c"], where)))
        else:
            there = _at(thermometer, row.get("port") or thermometer.port)
            with Listening(there) as line:
                points.append(_measured(line, method, reference_centi_c, settings))
        click.echo(told(number, points[-1]), err=True)
    return tuple(points)


def _rows(file: Path) -> Iterator[dict[str, str]]:
    try:
        with file.open(encoding="utf-8", newline="") as lines:
            table = csv.DictReader(lines, skipinitialspace=True)
            names = set(table.fieldnames or ())
            if "reference_c" not in names or not names <= {"reference_c", "raw_c", "port"}:
                raise CalibrationRefused(
                    f"{file}: the first line names the columns: reference_c, and raw_c or port."
                )
            yield from table
    except (UnicodeDecodeError, csv.Error) as error:
        raise CalibrationRefused(f"{file}: this is no CSV: {error}.") from error


def _degrees(text: str | None, where: str) -> int:
    """Read degrees as a person writes them; raises CalibrationRefused."""
    text = (text or "").strip()
    try:
        value = float(text.replace("。", ".").replace(",", "."))
    except ValueError:
        value = inf
    if not -50 <= value <= 100:
        raise CalibrationRefused(f"{where}: {text!r} is no temperature such as 36.5.")
    return round(100 * value)


def _at(thermometer: ThermometerSettings, port: str) -> ThermometerSettings:
    return msgspec.structs.replace(thermometer, port=port)
