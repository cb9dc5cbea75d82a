"""The commands of the field: which drivers there are, and what a frame's bytes say."""

import json
import string
import sys
from dataclasses import asdict
from typing import Any

import click

from drivers.driver import Device, Driver, declared, load, names
from drivers.errors import DriverUnknown, OptionRefused
from drivers.framing import Piece, Refusal, cut


@click.command("drivers")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a driver, a line each.")
def drivers(*, as_json: bool) -> None:
    """List the devices that have a driver, and how sure each is."""
    rows = [_described(name) for name in names()]
    if as_json:
        for row in rows:
            click.echo(json.dumps(row, ensure_ascii=False))
        return
    columns = ("driver", "kind", "model", "baud", "integrity", "mark", "source")
    table = [columns, *(tuple(str(row[column]) for column in columns) for row in rows)]
    widths = [max(len(line[at]) for line in table) for at in range(len(columns))]
    for line in table:
        padded = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        click.echo("  ".join(padded).rstrip())


@click.command("decode")
@click.argument("driver")
@click.argument("hexes", metavar="HEX...", nargs=-1, required=True)
@click.option("--option", "told", multiple=True, metavar="NAME=VALUE", help="Of the driver.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a frame, a line each.")
def decode(driver: str, hexes: tuple[str, ...], told: tuple[str, ...], *, as_json: bool) -> None:
    """Say what bytes in HEX mean to a DRIVER.

    Exits 1 when anything in them is refused or left over, 2 when they are no hex.
    """
    found = driver_told(driver, told, as_it_is=not told)
    digits = "".join("".join(hexes).split())
    if len(digits) % 2:
        raise click.UsageError(f"HEX holds what is no byte: {len(digits)} digits, an odd number")
    try:
        buffer = bytearray.fromhex(digits)
    except ValueError as error:
        wrong = next(digit for digit in digits if digit not in string.hexdigits)
        raise click.UsageError(f"HEX holds what is no byte: {wrong!r} is no hex digit") from error
    pieces = list(cut(found.framing, found.read_frame, buffer, quiet=True))
    if buffer:
        pieces.append(Piece(bytes(buffer), Refusal.LENGTH))
    for piece in pieces:
        row = _told(piece)
        click.echo(json.dumps(row) if as_json else _worded(row))
    if not pieces:
        click.echo("HEX holds no bytes", err=True)
    if not pieces or any(isinstance(piece.found, Refusal) for piece in pieces):
        sys.exit(1)


def driver_told(name: str, told: tuple[str, ...], *, as_it_is: bool = False) -> Driver[Any]:
    """Load a driver with options as they stand on a command line.

    `as_it_is`: without options, even where a gate would need some; to find out which.
    """
    options = {}
    for one in told:
        key, is_set, value = one.partition("=")
        if not is_set:
            raise click.UsageError(f"--option {one}: NAME=VALUE is wanted")
        options[key] = value
    try:
        return declared(name, Driver) if as_it_is else load(name, Driver, options)
    except (DriverUnknown, OptionRefused) as error:
        raise click.UsageError(str(error)) from error


@click.command("detect")
@click.argument("ports", metavar="[PORT]...", nargs=-1)
@click.option("--listen-s", default=1.5, show_default=True, type=click.FloatRange(0.2, 60),
              help="Seconds at each speed.")  # fmt: skip
@click.option("--listen-only", is_flag=True, help="Send nothing at all.")
@click.option("--ask", "asks", multiple=True, metavar="DRIVER",
              help="Ask as this model is asked: only where it is known to be it.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="One JSON object a port, a line each.")
def detect(
    ports: tuple[str, ...], asks: tuple[str, ...], *,
    listen_s: float, listen_only: bool, as_json: bool,
) -> None:  # fmt: skip
    """Say which device is on each PORT; without PORT, on every serial port of this machine.

    It listens first, and then asks only what no known model takes for a setting. Stop the gate
    before: a port has one holder. Exits 1 when nothing was recognised.
    """
    from gateway.devices import detect as detecting  # noqa: PLC0415 - only this command needs it.

    for name in asks:
        try:
            if not declared(name, Driver).polls:
                raise click.UsageError(f"{name} is not asked: it speaks by itself")
        except DriverUnknown as error:
            raise click.UsageError(str(error)) from error
    wanted = asks or (() if listen_only else None)
    recognised = 0
    for port in ports or tuple(detecting.ports()):
        found = detecting.detect(port, listen_s=listen_s, asks=wanted)
        recognised += bool(found.drivers)
        click.echo(json.dumps(asdict(found)) if as_json else _heard(found))
    if not recognised:
        click.echo("Nothing was recognised.", err=True)
        sys.exit(1)


def _heard(found: Any) -> str:
    if found.problem:
        return str(found.problem)
    if not found.drivers:
        said = f"{found.bytes_in} bytes that are no model's" if found.bytes_in else "silence"
        return f"{found.port}: {said}"
    how = "answers" if found.was_asked else "frames"
    models = " or ".join(found.drivers)
    return f"{found.port}: {models} at {found.baud} baud, {found.frames} {how}"


def _described(name: str) -> dict[str, Any]:
    driver = declared(name, Device)
    frames = driver if isinstance(driver, Driver) else None
    return {
        "driver": name,
        "kind": driver.kind,
        "model": driver.model,
        "baud": driver.baud,
        "line": driver.line,
        "integrity": frames.integrity if frames else "none",
        "odds": frames.odds if frames else None,
        "polled": bool(frames and frames.polls),
        "mark": driver.mark,
        "source": driver.source,
        "options": dict(driver.options),
        "needed": list(driver.needed),
        "examples": len(frames.examples) if frames else 0,
    }


def _told(piece: Piece[Any]) -> dict[str, Any]:
    told: dict[str, Any] = {"bytes": piece.raw.hex()}
    if isinstance(piece.found, Refusal):
        return told | {"refused": piece.found.value}
    return told | {key: value for key, value in asdict(piece.found).items() if value is not None}


def _worded(row: dict[str, Any]) -> str:
    if "refused" in row:
        return f"{row['bytes']}  refused: {row['refused']}"
    told = (_part(name, value) for name, value in row.items() if name != "bytes")
    return f"{row['bytes']}  {', '.join(told)}"


def _part(name: str, value: Any) -> str:
    """Say one value with its unit, which its name ends with."""
    if name.endswith("_centi_c"):
        return f"{name.removesuffix('_centi_c')} {_degrees(value)} °C"
    if name.endswith("_mm"):
        return f"{name.removesuffix('_mm')} {value} mm"
    return f"{name} {value}"


def _degrees(centi_c: int) -> str:
    sign = "-" if centi_c < 0 else ""
    return f"{sign}{abs(centi_c) // 100}.{abs(centi_c) % 100:02d}"
