"""The command `gateway`: run a gate, check its settings, read its journal, try its devices.

Exit 0: done. 1: failed. 2: wrong use or settings.
"""

import contextlib
import importlib
import json
import logging
import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import click
import msgspec

from gateway.errors import GateError, SecretMissing, SettingsRefused

# Imports stand in the commands: `gateway --help` must answer at once on a Pi.

_ELSEWHERE: Final = {
    "capture": ("gateway.devices.capture", "capture", "Record what a device says on its line."),
    "calibrate": ("gateway.calibration.cli", "calibrate", "Calibrate a thermometer; record it."),
    "decode": ("gateway.devices.cli", "decode", "Say what a frame's bytes mean to a driver."),
    "detect": ("gateway.devices.cli", "detect", "Say which device is on which port."),
    "drivers": ("gateway.devices.cli", "drivers", "List the devices that have a driver."),
    "pretend": ("gateway.devices.capture", "pretend", "Be a device on a pseudo-terminal."),
    "plates": ("gateway.plates.cli", "plates", "Read plates from pictures, and measure readers."),
    "study": ("gateway.study.cli", "study", "Measure the screening's rules on a population."),
}
"""Commands of other rooms, by module and name."""
_CONFIG: Final = click.option(
    "--config", "config_file", required=True, metavar="FILE", help="The gate's TOML.",
    type=click.Path(dir_okay=False, path_type=Path),
)  # fmt: skip


class _Commands(click.Group):
    """A group that imports the commands of other rooms only when they are asked for."""

    def main(self, *args: Any, **extra: Any) -> Any:
        """Say in one line what the system refused, such as a full disk under the output."""
        try:
            return super().main(*args, **extra)  # It ends quietly when whoever read has enough.
        except OSError as error:
            click.echo(f"gateway: {error}", err=True)
            with contextlib.suppress(OSError):  # Or 3.13 fails on it again, with 120.
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(1)

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted({*super().list_commands(ctx), *_ELSEWHERE})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _ELSEWHERE:
            return super().get_command(ctx, cmd_name)
        module, name, _ = _ELSEWHERE[cmd_name]
        command = getattr(importlib.import_module(module), name)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        rows = []
        for name in self.list_commands(ctx):
            own = self.commands.get(name)
            rows.append((name, own.get_short_help_str(80) if own else _ELSEWHERE[name][2]))
        with formatter.section("Commands"):
            formatter.write_dl(rows)


def _version(ctx: click.Context, _param: click.Parameter, wanted: bool) -> None:
    if wanted:
        from gateway.service import installed_version  # noqa: PLC0415

        click.echo(f"gatepost {installed_version()}")
        ctx.exit()


@click.group(cls=_Commands)
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_version,
    help="Show the version and exit.",
)  # fmt: skip
def gateway() -> None:
    """One gate of a residential compound: thermometers, plates, passages, journal, uplink."""


@gateway.command()
@_CONFIG
def run(config_file: Path) -> None:
    """Run the gate until SIGTERM or Ctrl-C."""
    from gateway import config, systemd  # noqa: PLC0415
    from gateway.service import Service  # noqa: PLC0415

    os.umask(0o077)  # The journal and the desk are this user's alone.
    systemd.log_to_journal("gatepost-gateway")
    log = logging.getLogger("gateway")
    try:
        Service(config.read(config_file)).run()
    except (SettingsRefused, SecretMissing) as error:
        reason = f"{config_file}: {error}"
        systemd.notify(f"STATUS={reason}")
        log.critical("The settings do not stand.", extra={"GATE_REASON": reason})
        sys.exit(2)
    except GateError as error:
        systemd.notify(f"STATUS={error}")
        log.critical("The gate cannot work.", extra={"GATE_REASON": str(error)})
        sys.exit(1)
    except Exception as error:
        log.critical("The gate's process ends.", exc_info=error)
        sys.exit(1)


@gateway.command()
@_CONFIG
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def check(config_file: Path, *, as_json: bool) -> None:
    """Say every device and limit as understood; exit 2 on the first fault."""
    from gateway import config, trial  # noqa: PLC0415

    try:
        settings = config.read(config_file)
        remarks = trial.attempt(settings)
    except GateError as error:
        click.echo(f"{config_file}: {error}", err=True)
        sys.exit(2)
    for remark in remarks:
        click.echo(f"{config_file}: {remark}", err=True)
    understood = trial.as_understood(settings)
    if as_json:
        click.echo(json.dumps(understood, ensure_ascii=False))
        return
    for key, value in _lines(understood):
        click.echo(f"{key} = {value}")
    for key, meaning in trial.unset_options(settings):
        click.echo(f"{key} = not set: {meaning}")
    click.echo(f"{config_file}: understood.")


@gateway.command()
@_CONFIG
@click.option("--json", "as_json", is_flag=True, help="One JSON object a finding, a line each.")
def doctor(config_file: Path, *, as_json: bool) -> None:
    """Try each device, and say in words what to do. Stop the gate first: it holds its ports."""
    from gateway import config  # noqa: PLC0415
    from gateway.doctor import examine  # noqa: PLC0415

    ill = 0
    try:
        for finding in examine(config.read(config_file)):
            ill += not finding.well
            mark = "well" if finding.well else "LOOK"
            words = f"{finding.device:12} {mark}  {finding.words}"
            click.echo(json.dumps(asdict(finding), ensure_ascii=False) if as_json else words)
    except (SettingsRefused, SecretMissing) as fault:
        click.echo(f"{config_file}: {fault}", err=True)
        sys.exit(2)
    except GateError as fault:
        click.echo(str(fault), err=True)
        sys.exit(1)
    sys.exit(1 if ill else 0)


def _lines(value: Any, key: str = "") -> Any:
    """Walk settings, naming each device by its name and each value by its key."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _lines(inner, f"{key}.{name}" if key else name)
    elif isinstance(value, (list, tuple)) and value and isinstance(value[0], dict):
        for inner in value:
            yield from _lines({k: v for k, v in inner.items() if k != "name"},
                              f"{key}.{inner['name']}")  # fmt: skip
    else:
        yield key, "not set" if value is None else json.dumps(value, ensure_ascii=False)


@gateway.group()
def journal() -> None:
    """Read the gate's journal; it may be running."""


def _look(config_file: Path) -> Any:
    from gateway import config  # noqa: PLC0415
    from gateway.journal.journal import Journal  # noqa: PLC0415

    try:
        return Journal.look(Path(config.read(config_file).data_dir) / "journal.db")
    except SettingsRefused as error:
        click.echo(f"{config_file}: {error}", err=True)
        sys.exit(2)
    except GateError as error:
        click.echo(str(error), err=True)
        sys.exit(1)


@journal.command()
@_CONFIG
@click.option("--entries", default=20, show_default=True, type=click.IntRange(1, 100_000),
              help="How many, counted from the newest.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="One JSON object an entry, a line each.")
def tail(config_file: Path, entries: int, *, as_json: bool) -> None:
    """Show the newest entries, oldest of them first; sealed parts stay sealed."""
    opened = _look(config_file)
    try:
        found = opened.newest(entries)
    except GateError as error:
        click.echo(str(error), err=True)
        sys.exit(1)
    finally:
        opened.close()
    for entry in found:
        sealed = "none"
        if entry.seal is not msgspec.UNSET:
            sealed = "erased" if entry.sealed is msgspec.UNSET else "sealed"
        if as_json:
            row = {
                "stream": entry.stream, "seq": entry.seq, "v": entry.v, "prev": entry.prev,
                "kind": entry.kind, "open": _body(bytes(entry.open)), "sealed": sealed,
            }  # fmt: skip
            click.echo(json.dumps(row, ensure_ascii=False))
        else:
            click.echo(
                f"{entry.stream[:8]} {entry.seq:>6} {entry.kind:<10} {sealed:<6}"
                f" {bytes(entry.open).decode(errors='replace')}"
            )


def _body(content: bytes) -> Any:
    """Give a body's JSON; what is none, in a journal that was tampered with, as it stands."""
    try:
        return json.loads(content)
    except ValueError:
        return content.decode(errors="replace")


@journal.command()
@_CONFIG
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def verify(config_file: Path, *, as_json: bool) -> None:
    """Check the chain of every stream; exit 1 when an entry is not as it was recorded."""
    opened = _look(config_file)
    try:
        found = opened.verify()
    except GateError as error:
        click.echo(str(error), err=True)
        sys.exit(1)
    finally:
        opened.close()
    if as_json:
        click.echo(json.dumps(msgspec.to_builtins(found)))
    else:
        for fault in found.faults:
            click.echo(f"{fault.stream} {fault.seq}: {fault.what}")
        click.echo(
            f"{found.entries} entries in {found.streams} streams,"
            f" {found.sealed_erased} sealed parts erased, {len(found.faults)} faults."
        )
    sys.exit(1 if found.faults else 0)


def main() -> None:
    """Enter by the command line."""
    gateway(prog_name="gateway")
