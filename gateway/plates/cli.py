"""`gateway plates`: read pictures, measure a reader. Exit 0 done, 1 failed, 2 wrong use."""

import json
import sys
import time
from pathlib import Path

import click

from gateway.plates.benchmark import IndexRefused, answer_all, figures_of, load_picture
from gateway.plates.errors import PlateError
from gateway.plates.reader import Plate, PlateReader, status_of
from gateway.plates.readers import READERS, open_reader

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


@click.group()
def plates() -> None:
    """Read number plates in pictures, and measure how well."""


@plates.command("read")
@click.argument("pictures", metavar="PICTURE...", nargs=-1, required=True, type=click.Path())
@reader_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a picture.")
def read_pictures(pictures: tuple[str, ...], reader: str, as_json: bool) -> None:
    """Read every plate in each PICTURE, the best first."""
    opened = _open(reader)
    shows = [_show(opened, file, as_json=as_json) for file in pictures]
    if not all(shows):
        sys.exit(1)


def _show(reader: PlateReader, file: str, *, as_json: bool) -> bool:
    """Read and print one file; tell whether it was a picture."""
    picture = load_picture(Path(file))
    if picture is None:
        fault = _fault_of(Path(file))
        click.echo(f"{file}: {fault}", err=True)
        if as_json:
            _print_json({"file": file, "plates": [], "ms": 0.0, "error": fault})
        return False
    began = time.perf_counter()
    found = [plate for plate in reader.read(picture) if plate.text]
    ms = round(1000 * (time.perf_counter() - began), 1)
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
        "confidence": round(plate.confidence, 4),
        "status": status_of(plate, reader.accept),
        "box": plate.box,
        "candidates": [[text, round(chance, 4)] for text, chance in plate.candidates],
    }


@plates.command("benchmark")
@click.argument("index", metavar="INDEX.csv", type=click.Path(path_type=Path))
@reader_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def benchmark(index: Path, reader: str, as_json: bool) -> None:
    """Measure a reader on the labelled pictures of INDEX.csv, on one thread.

    The index has the columns file (relative to it) and label (a picture's plates split by |).
    """
    opened = _open(reader)
    try:
        answers = answer_all(opened, index)
        figures = figures_of(opened, answers)
    except IndexRefused as fault:
        click.echo(str(fault), err=True)
        sys.exit(2)
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
        f"memory {figures['rss_mb']} MB"
    )


def _open(name: str) -> PlateReader:
    try:
        return open_reader(name)
    except PlateError as fault:
        click.echo(str(fault), err=True)
        sys.exit(1)


def _print_json(shown: dict[str, object]) -> None:
    click.echo(json.dumps(shown, ensure_ascii=False))
