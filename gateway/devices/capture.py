"""The commands `gateway capture`, which keeps what a line says, and `gateway pretend`."""

import sys
import threading
from collections import Counter
from datetime import UTC, datetime
from itertools import product
from pathlib import Path
from time import monotonic  # noqa: TID251 - a command is an edge: its capture is timed by it.
from typing import Any, Final, TextIO

import click

from drivers.decoder import Decoder, Polling
from drivers.driver import Driver
from drivers.errors import DriverUnknown, OptionRefused, PortLost, PortRefused
from drivers.framing import Refusal
from drivers.ports import Port, open_port
from drivers.ports.protocol_replay import Chunk
from drivers.ports.terminal import Terminal
from gateway.devices.cli import driver_told

QUIET_S: Final = 0.02
_WHY: Final = {refusal.value for refusal in Refusal}
LINES: Final = tuple(map("".join, product("78", "NEO", "12")))
PERSONAL: Final = ("reader",)
"""Kinds whose bytes are somebody's pass."""


@click.command("capture")
@click.argument("driver")
@click.argument("port")
@click.option("--out", required=True, type=click.Path(dir_okay=False, path_type=Path),
              help="The file to write; it must not be there yet.")  # fmt: skip
@click.option("--seconds", default=10.0, show_default=True, type=click.FloatRange(min=0.1),
              help="For how long; Ctrl-C ends it earlier.")  # fmt: skip
@click.option("--baud", type=click.IntRange(300, 4_000_000), help="Instead of the driver's own.")
@click.option("--line", "settings", type=click.Choice(LINES), metavar="8N1",
              help="Data bits, parity and stop bits, instead of the driver's own.")  # fmt: skip
@click.option("--echo", is_flag=True, help="The bus hands our own bytes back: they are dropped.")
@click.option("--option", "told", multiple=True, metavar="NAME=VALUE", help="Of the driver.")
def capture(
    driver: str, port: str, *, out: Path, seconds: float, baud: int | None, settings: str | None,
    echo: bool, told: tuple[str, ...],
) -> None:  # fmt: skip
    """Record what a DRIVER's device says on a PORT, for replay:// and the tests.

    A device that must be asked is asked as a gate would. Exits 1 when no frame could be read.
    """
    found = driver_told(driver, told)
    if found.kind in PERSONAL:
        raise click.UsageError(
            f"{driver} reads passes: a capture would hold whose they are, and is not made"
        )
    try:
        with out.open("x", encoding="ascii") as file:
            baud, settings = baud or found.baud, settings or found.line
            file.write(f"# {found.model}, driver {driver}, {baud} {settings}\n")
            file.write(f"# {datetime.now(UTC):%Y-%m-%d %H:%M:%SZ}\n")  # noqa: TID251 - an edge.
            line = open_port(port, baud, settings, echo=echo)
            counts = _record(found, line, file, seconds)
    except FileExistsError as error:
        raise click.UsageError(f"{out} is there already: name another file") from error
    except PortRefused as error:
        out.unlink()
        click.echo(f"gateway: {error}", err=True)
        sys.exit(1)
    refused = (f", {count} refused: {why}" for why, count in sorted(counts.items()) if why in _WHY)
    click.echo(f"{counts['bytes']} bytes, {counts['read']} frames read{''.join(refused)}")
    if not counts["read"]:
        sys.exit(1)
    click.echo(f'It plays as port = "replay://{out.resolve()}"')


@click.command("pretend")
@click.argument("address")
@click.option("--link", type=click.Path(path_type=Path), help="A name for the line, as udev gives.")
@click.option("--seconds", type=click.FloatRange(min=0.1), help="End by itself after so long.")
def pretend(address: str, link: Path | None, seconds: float | None) -> None:
    """Be the device of a sim:// ADDRESS on a pseudo-terminal, until Ctrl-C."""
    try:
        terminal = Terminal(address, link)
    except (DriverUnknown, OptionRefused, ValueError) as error:
        raise click.UsageError(f"{address}: {error}") from error
    except FileExistsError as error:
        raise click.UsageError(f"{link} is there already") from error
    with terminal:
        click.echo(str(link or terminal.path))
        try:
            threading.Event().wait(seconds)
        except KeyboardInterrupt:
            return


def _record(driver: Driver[Any], port: Port, file: TextIO, seconds: float) -> Counter[str]:
    """Write each chunk with its moment, as it comes; what is written stays, whatever happens."""
    decoder: Decoder[Any] = Decoder(driver)
    polling, counts = Polling(decoder), Counter({"bytes": 0, "read": 0})
    began_s = now = monotonic()

    def note(content: bytes, *, is_sent: bool) -> None:
        file.write(Chunk(now - began_s, content, is_sent).written())
        file.flush()

    def count(found: list[Any]) -> None:
        counts.update(one.value if isinstance(one, Refusal) else "read" for one in found)

    try:
        while now - began_s < seconds:
            if poll := polling.due(now):
                note(poll, is_sent=True)
                port.write(poll)
            chunk = port.read_chunk(QUIET_S)
            now = monotonic()
            if chunk:
                note(chunk, is_sent=False)
            counts["bytes"] += len(chunk)
            count(decoder.feed(chunk, quiet=not chunk))
    except KeyboardInterrupt:
        pass
    except PortLost as error:
        click.echo(f"gateway: {error}", err=True)
    finally:
        port.close()
    count(decoder.feed(b"", quiet=True))
    return counts
