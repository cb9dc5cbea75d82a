"""`gateway plates`: read pictures, measure a reader. Exit 0 done, 1 failed, 2 wrong use."""

import itertools
import json
import os
import sys
import time
from pathlib import Path
from typing import NoReturn

import click
import cv2

from gateway import drawing
from gateway.errors import GateError, SettingsRefused
from gateway.plates import show
from gateway.plates.benchmark import (
    Answer,
    IndexRefused,
    answer_all,
    figures_of,
    load_picture,
    reliability_of,
)
from gateway.plates.errors import PlateError
from gateway.plates.model import RUNTIMES, Runtime
from gateway.plates.picture import Picture
from gateway.plates.reader import Plate, PlateReader, Region, status_of
from gateway.plates.readers import READERS, open_reader
from gateway.plates.reliability import curve

WORDS = {
    "exact": "whole plate right",
    "exact_without_province": "right but for the province",
    "characters": "characters right",
    "unread": "nothing read",
    "answered": "above the accept line",
    "answered_right": "of these right",
}

reader_option = click.option(
    "--reader", type=click.Choice(READERS), default="net", show_default=True, help="Which reader."
)
runtime_option = click.option(
    "--runtime", type=click.Choice(RUNTIMES), default="best", show_default=True,
    help="What runs the nets; best is onnxruntime where it is installed.",
)  # fmt: skip


class _Region(click.ParamType[Region]):
    name = "region"

    def convert(
        self, value: str | Region, param: click.Parameter | None, ctx: click.Context | None
    ) -> Region:
        if not isinstance(value, str):
            return value
        try:
            corners = [tuple(float(part) for part in each.split(",")) for each in value.split()]
        except ValueError:
            corners = []
        # Each by itself: of a pair with nan neither least nor greatest is told.
        if len(corners) < 3 or any(
            len(c) != 2 or not all(0 <= each <= 1 for each in c) for c in corners
        ):
            self.fail(
                f"{value!r}: three corners or more are wanted, such as '0,0.5 1,0.5 1,1 0,1'",
                param,
                ctx,
            )
        return tuple((x, y) for x, y in corners)


region_option = click.option(
    "--region", type=_Region(), default=(), metavar="'X,Y X,Y X,Y...'",
    help="Look only within these corners, from 0,0 (top left) to 1,1.",
)  # fmt: skip


@click.group()
def plates() -> None:
    """Read number plates in pictures, and measure how well."""


@plates.command("read")
@click.argument("pictures", metavar="PICTURE...", nargs=-1, required=True, type=click.Path())
@reader_option
@runtime_option
@region_option
@click.option(
    "--annotate", type=click.Path(path_type=Path), metavar="OUT",
    help="Draw what was found: a picture, or a folder for several.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a picture.")
def read_pictures(  # noqa: PLR0917 - click calls it by name.
    pictures: tuple[str, ...], reader: str, runtime: Runtime, region: Region,
    annotate: Path | None, as_json: bool,
) -> None:  # fmt: skip
    """Read every plate in each PICTURE, the best first."""
    outs = _outs(annotate, pictures)
    opened = _open(reader, runtime)
    shows = [
        _show(opened, file, region, out, as_json=as_json)
        for file, out in zip(pictures, outs, strict=True)
    ]
    if not all(shows):
        sys.exit(1)


def _outs(annotate: Path | None, pictures: tuple[str, ...]) -> list[Path | None]:
    """Say where each picture is drawn, none over another or over what is read; else exit 2."""
    if annotate is None:
        return [None] * len(pictures)
    outs = [annotate]
    if len(pictures) > 1 or annotate.is_dir():
        if annotate.exists() and not annotate.is_dir():
            _refuse(f"{annotate}: a folder is wanted for several pictures")
        annotate.mkdir(parents=True, exist_ok=True)
        names: list[str] = []
        for file in pictures:
            names.append(_another(Path(file).stem, names))
        outs = [annotate / f"{name}.png" for name in names]
    elif not cv2.haveImageWriter(annotate.suffix or ".png"):
        _refuse(f"{annotate}: no picture ends in {annotate.suffix}; .png is one")
    elif not annotate.parent.is_dir():
        _refuse(f"{annotate}: there is no folder {annotate.parent}")
    read = {os.path.realpath(file) for file in pictures}
    for out in outs:
        if os.path.realpath(out) in read:
            _refuse(f"{out}: it would be drawn over; name another place")
    return list(outs)


def _another(stem: str, names: list[str]) -> str:
    """Give a name that is not taken, as pictures of several folders may be called the same."""
    tries = (stem if n == 1 else f"{stem}-{n}" for n in itertools.count(1))
    return next(each for each in tries if each not in names)


def _refuse(words: str) -> NoReturn:
    click.echo(words, err=True)
    sys.exit(2)


def _show(
    reader: PlateReader, file: str, region: Region, out: Path | None, *, as_json: bool
) -> bool:
    """Read and print one file; tell whether it was a picture."""
    picture = load_picture(Path(file))
    if picture is None:
        fault = _fault_of(Path(file))
        click.echo(f"{file}: {fault}", err=True)
        if as_json:
            _print_json({"file": file, "plates": [], "ms": 0.0, "error": fault})
        return False
    began = time.perf_counter()
    seen = reader.read(picture, region)
    ms = round(1000 * (time.perf_counter() - began), 1)
    found = [plate for plate in seen if plate.text]
    if out is not None:
        _write(out, show.annotated(picture, seen, reader.accept))
    if as_json:
        _print_json({"file": file, "plates": [_as_json(each, reader) for each in found], "ms": ms})
        return True
    words = [f"{p.text} {p.confidence:.0%} {status_of(p, reader.accept)}" for p in found]
    click.echo(f"{file}: {', '.join(words) or 'no plate read'} ({ms:.0f} ms)")
    return True


def _fault_of(file: Path) -> str:
    try:
        file.stat()
    except FileNotFoundError:
        return "is missing"
    except (OSError, ValueError) as error:
        return f"cannot be read: {getattr(error, 'strerror', None) or error}"
    return "is no picture"


def _as_json(plate: Plate, reader: PlateReader) -> dict[str, object]:
    return {
        "plate": plate.text,
        "plate_kind": plate.plate_kind,
        "plate_colour": plate.colour,
        "confidence": round(plate.confidence, 4),
        "characters": [round(each, 4) for each in plate.characters],
        "status": status_of(plate, reader.accept),
        "box": plate.box,
        "corners": [[round(x, 1), round(y, 1)] for x, y in plate.corners],
        "candidates": [[text, round(chance, 4)] for text, chance in plate.candidates],
    }


@plates.command("benchmark")
@click.argument("index", metavar="INDEX.csv", type=click.Path(path_type=Path))
@reader_option
@runtime_option
@region_option
@click.option(
    "--repeat", type=click.IntRange(1, 20), default=3, show_default=True,
    help="Read each picture so often; its time is the least.",
)  # fmt: skip
@click.option(
    "--misses", type=click.Path(dir_okay=False, path_type=Path), metavar="OUT.png",
    callback=drawing.into(".png", ".jpg", ".jpeg"), help="Draw a sheet of what was missed.",
)  # fmt: skip
@click.option(
    "--plot", type=click.Path(dir_okay=False, path_type=Path), metavar="OUT.svg",
    callback=drawing.into(".svg"), help="Draw how often answers of a confidence are right.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def benchmark(  # noqa: PLR0917 - click calls it by name.
    index: Path, reader: str, runtime: Runtime, region: Region, repeat: int,
    misses: Path | None, plot: Path | None, as_json: bool,
) -> None:  # fmt: skip
    """Measure a reader on the labelled pictures of INDEX.csv, on one thread.

    The index has the columns file (relative to it) and label (a picture's plates split by |); a
    column sequence names the pictures of one vehicle, which are voted on.
    """
    opened = _open(reader, runtime)
    try:
        answers = answer_all(opened, index, repeat=repeat, region=region)
        figures = figures_of(opened, answers)
    except IndexRefused as fault:
        click.echo(str(fault), err=True)
        sys.exit(2)
    if misses is not None:
        missed = [_missed(index.parent, answer) for answer in answers if not answer.right]
        _write(misses, show.sheet(missed))
    if plot is not None:
        whole, single = reliability_of(answers)
        plot.write_text(curve({"whole plates": whole, "characters": single}), encoding="utf-8")
    if as_json:
        _print_json(dict(figures))
    else:
        _print_figures(dict(figures))
    if figures["not_pictures"]:
        first = next(answer.file for answer in answers if answer.cpu_ms is None)
        click.echo(
            f"{figures['not_pictures']} files are missing or no pictures; the first: {first!r}",
            err=True,
        )
        sys.exit(1)


def _print_figures(figures: dict[str, object]) -> None:
    click.echo(f"{figures['n']} pictures, reader {figures['reader']}")
    for name, words in WORDS.items():
        shown = "-" if figures[name] is None else f"{figures[name]:6.2f} %"
        click.echo(f"  {words:28} {shown}")
    click.echo(
        f"  CPU {figures['cpu_ms_median']} ms median, {figures['cpu_ms_p95']} ms p95; "
        f"memory {figures['rss_mb']} MB; the reference network {figures['reference_ms']} ms"
    )
    click.echo(
        f"  expected calibration error {figures['calibration_error']}, of characters "
        f"{figures['calibration_error_characters']}; {figures['answered_wrong']} wrong accepted"
    )
    if figures["sequences"]:
        click.echo(f"  {figures['sequences_right']} of {figures['sequences']} vehicles by vote")


def _missed(folder: Path, answer: Answer) -> Picture:
    picture = load_picture(folder / answer.file)
    return show.miss(picture, answer.plate, "|".join(answer.labels), answer.file)


def _write(out: Path, picture: Picture) -> None:
    """Write a picture; its ending says in which form."""
    out.write_bytes(bytes(cv2.imencode(out.suffix or ".png", picture)[1]))


def _open(name: str, runtime: Runtime) -> PlateReader:
    try:
        return open_reader(name, runtime)
    except PlateError as fault:
        click.echo(str(fault), err=True)
        sys.exit(1)


def _print_json(shown: dict[str, object]) -> None:
    click.echo(json.dumps(shown, ensure_ascii=False))


@plates.command("lessons")
@click.option(
    "--config", "config_file", required=True, metavar="FILE", help="The gate's TOML.",
    type=click.Path(dir_okay=False, path_type=Path),
)  # fmt: skip
@click.option(
    "--out", required=True, metavar="FOLDER", type=click.Path(file_okay=False, path_type=Path),
    help="Where crops and index.csv go, as training reads them.",
)  # fmt: skip
def lessons(config_file: Path, out: Path) -> None:
    """Take along the crops of plates that guards read, for the next training.

    A folder may be used again: what was taken along before stays, and nothing is in it twice. They
    are personal data: what is written is for this user alone, and nobody sends it anywhere.
    """
    from gateway.plates.lessons import export  # noqa: PLC0415 - only this command needs settings.

    try:
        taken = export(config_file, out)
    except SettingsRefused as fault:
        click.echo(f"{config_file}: {fault}", err=True)
        sys.exit(2)
    except GateError as fault:
        click.echo(str(fault), err=True)
        sys.exit(1)
    click.echo(f"{taken.lessons} lessons in {out}")
    if taken.left_out:
        click.echo(
            f"{taken.left_out} more are in left_out.csv, for people to look at: no plate is found"
            " in the crop, or what was typed is none.",
            err=True,
        )
    if taken.closed:
        click.echo(f"{taken.closed} more do not open with this key.", err=True)
