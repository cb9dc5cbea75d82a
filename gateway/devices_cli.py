"""The commands of the field: which drivers there are, and what a frame's bytes say."""

import json
import string
import sys
from typing import Any

import click

from drivers.errors import DriverUnknown
from drivers.framing import Piece, Refusal, cut
from drivers.thermometer import Sample, load, names


@click.command("drivers")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a driver, a line each.")
def drivers(*, as_json: bool) -> None:
    """List the thermometers that have a driver."""
    rows = [_described(name) for name in names()]
    if as_json:
        for row in rows:
            click.echo(json.dumps(row, ensure_ascii=False))
        return
    columns = ("driver", "model", "baud", "integrity", "mark", "source")
    table = [columns, *(tuple(str(row[column]) for column in columns) for row in rows)]
    widths = [max(len(line[at]) for line in table) for at in range(len(columns))]
    for line in table:
        padded = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        click.echo("  ".join(padded).rstrip())


@click.command("decode")
@click.argument("driver")
@click.argument("hexes", metavar="HEX...", nargs=-1, required=True)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a frame, a line each.")
def decode(driver: str, hexes: tuple[str, ...], *, as_json: bool) -> None:
    """Say what bytes in HEX mean to a DRIVER.

    Exits 1 when anything in them is refused or left over, 2 when they are no hex.
    """
    try:
        thermometer = load(driver)
    except DriverUnknown as error:
        raise click.UsageError(str(error)) from error
    digits = "".join("".join(hexes).split())
    if len(digits) % 2:
        raise click.UsageError(f"HEX holds what is no byte: {len(digits)} digits, an odd number")
    try:
        buffer = bytearray.fromhex(digits)
    except ValueError as error:
        wrong = next(digit for digit in digits if digit not in string.hexdigits)
        raise click.UsageError(f"HEX holds what is no byte: {wrong!r} is no hex digit") from error
    pieces = list(cut(thermometer.framing, thermometer.read_frame, buffer, quiet=True))
    if buffer:
        pieces.append(Piece(bytes(buffer), Refusal.LENGTH))
    for piece in pieces:
        row = _told(piece)
        click.echo(json.dumps(row) if as_json else _worded(row))
    if not pieces:
        click.echo("HEX holds no bytes", err=True)
    if not pieces or any(isinstance(piece.found, Refusal) for piece in pieces):
        sys.exit(1)


def _described(name: str) -> dict[str, Any]:
    driver = load(name)
    return {
        "driver": name,
        "model": driver.model,
        "baud": driver.baud,
        "integrity": driver.integrity,
        "polled": bool(driver.polls),
        "mark": driver.mark,
        "source": driver.source,
        "examples": len(driver.examples),
    }


def _told(piece: Piece[Sample]) -> dict[str, Any]:
    if isinstance(piece.found, Refusal):
        return {"bytes": piece.raw.hex(), "refused": piece.found.value}
    return {
        "bytes": piece.raw.hex(),
        "object_centi_c": piece.found.object_centi_c,
        "ambient_centi_c": piece.found.ambient_centi_c,
    }


def _worded(row: dict[str, Any]) -> str:
    if "refused" in row:
        return f"{row['bytes']}  refused: {row['refused']}"
    shown, own = _degrees(row["object_centi_c"]), _degrees(row["ambient_centi_c"])
    return f"{row['bytes']}  object {shown} °C, sensor itself {own} °C"


def _degrees(centi_c: int) -> str:
    sign = "-" if centi_c < 0 else ""
    return f"{sign}{abs(centi_c) // 100}.{abs(centi_c) % 100:02d}"
