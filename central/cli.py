"""The commands of the centre. Exit codes: 0 done, 1 failed, 2 wrong use or settings."""

import fcntl
import json
import logging
import os
import secrets  # noqa: TID251 - boot ids and keys are drawn here, in the shell.
import signal
import sqlite3
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import click
import msgspec
from nacl.public import PrivateKey

from central import asking, backup, clock, config, following, reading
from central.alarms import TROUBLES
from central.api import Pages
from central.config import Settings, Site, VaultSettings
from central.errors import CentralError, LedgerUnreadable, PagesRefused, SettingsRefused
from central.ledger import Ledger
from central.service import Centre, Stop
from central.subscriber import Link, attempt
from central.systemd import log_to_stderr, watchdog_s
from central.vault import Vault, read_key_bytes
from central.version import VERSION
from central.watch import Watch
from gateway import contract

log = logging.getLogger(__name__)
_CONFIG: Final = click.option(
    "--config", "path", required=True, metavar="FILE", help="The centre's TOML."
)
_JSON: Final = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")


@contextmanager
def _exits() -> Iterator[None]:
    """Turn errors that somebody must act on into one line and an exit code."""
    try:
        yield
    except SettingsRefused as error:
        click.echo(str(error), err=True)
        sys.exit(2)
    except CentralError as error:
        click.echo(str(error), err=True)
        sys.exit(1)


class _Commands(click.Group):
    def main(self, *args: Any, **extra: Any) -> Any:
        """Turn what the system refused, such as a full disk under the output, into a line."""
        try:
            return super().main(*args, **extra)  # It ends quietly when whoever read has enough.
        except OSError as error:
            click.echo(f"central: {error}", err=True)
            with suppress(OSError):  # Or 3.13 fails on it again, with 120.
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(1)


@click.group(cls=_Commands)
@click.version_option(VERSION, message="gatepost %(version)s")
def main() -> None:
    """Count every gate's passages, exactly once: the centre of a Gatepost site."""


@main.command()
@_CONFIG
def run(path: str) -> None:
    """Run the centre until it is asked to stop."""
    with _exits():
        settings, site = config.read(path)
        log_to_stderr()
        sys.exit(_run(settings, site))


def _run(settings: Settings, site: Site) -> int:
    boot = secrets.token_hex(16)
    password = config.secret(
        settings.broker.password_file, settings.broker.password_credential, "broker.password_file"
    )
    with (
        _alone(settings),
        closing(Watch(watchdog_s())) as watch,  # What hangs may hang the end, too.
        closing(open_ledger(settings, site)) as ledger,
    ):
        centre = Centre(settings, site, ledger, boot)
        will = contract.Status(
            v=contract.VERSION, online=False, boot=boot, at_ms=clock.at_ms(), version=VERSION
        )
        link = Link(settings.broker, password, centre.inbox, will, settings.feeds.refresh_s)
        try:
            pages = Pages(settings, site, centre.health, centre.inbox)
        except OSError as error:
            raise PagesRefused(
                f"http.listen = {settings.http.listen!r}: {error.strerror}; choose another port"
            ) from error
        pages.start()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: centre.inbox.put(Stop()))
        watch.looks = (link.ailing, pages.ailing)
        well = centre.run(link, watch)
        if well:
            pages.stop()
    return 0 if well else 1


@contextmanager
def _alone(settings: Settings) -> Iterator[None]:
    """Hold the ledger for one process: two writers would each believe what they remember."""
    folder = Path(settings.data_dir)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        held = (folder / "central.lock").open("w")
    except (FileExistsError, NotADirectoryError) as error:
        raise SettingsRefused(f"data_dir = {settings.data_dir!r}: it is no folder.") from error
    except OSError as error:
        raise LedgerUnreadable(
            f"data_dir = {settings.data_dir!r}: this user cannot write there ({error.strerror})"
        ) from error
    with held as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise LedgerUnreadable(
                f"{settings.ledger_path}: another `central run` holds it; stop that one first"
            ) from error
        yield


def open_ledger(settings: Settings, site: Site) -> Ledger:
    """Open the ledger; never begin an empty one where there was another."""
    directory = Path(settings.backup.directory)
    path = settings.ledger_path
    gone = not path.exists() or path.stat().st_size == 0
    if gone and backup.backups(directory):
        raise LedgerUnreadable(f"{path}: it is gone, but there are backups. {_restore(settings)}")
    try:
        ledger = Ledger(path, site.zone)
    except LedgerUnreadable as error:
        raise LedgerUnreadable(f"{error}. {_restore(settings)}") from error
    if ledger.is_empty() and any(map(backup.knows_gates, backup.backups(directory))):
        ledger.close()
        raise LedgerUnreadable(f"{path}: it is empty, but backups are not. {_restore(settings)}")
    return ledger


def _restore(settings: Settings) -> str:
    """Say which backup to put where."""
    good = backup.newest_good(Path(settings.backup.directory))
    path = settings.ledger_path
    if good is None:
        return f"No backup checks out. Set {path} aside by hand only when it is lost for good."
    return (
        f"Restore: set {path} and its -wal and -shm aside, `cp {good} {path}`, start again; the"
        " gates send what is missing."
    )


@main.command()
@_CONFIG
@_JSON
def check(path: str, as_json: bool) -> None:
    """Print every setting and place as understood; exit 2 on the first fault."""
    with _exits():
        settings, site = config.read(path)
        attempt(settings.broker)
        _try_folder("data_dir", Path(settings.data_dir))
        _try_folder("backup.directory", Path(settings.backup.directory))
        if settings.vault:
            _try_keys(settings.vault)
        if as_json:
            understood = msgspec.to_builtins(settings) | {"site": msgspec.to_builtins(site)}
            click.echo(json.dumps(understood, ensure_ascii=False))
            return
        for line in _lines(msgspec.to_builtins(settings), ""):
            click.echo(line)
        for line in _lines(msgspec.to_builtins(site), "site."):
            click.echo(line)
        if backup.same_device(settings.ledger_path, Path(settings.backup.directory)):
            click.echo("# backup.directory is on the ledger's device, or one of them is not there")


def _try_folder(key: str, folder: Path) -> None:
    """Refuse a path where a file is in the way; a folder that is not there yet will be made."""
    # os.path: a folder that this user may not look into is no fault here.
    place = next(one for one in (folder, *folder.parents) if os.path.exists(one))  # noqa: PTH110
    if not place.is_dir():
        raise SettingsRefused(f"{key} = {str(folder)!r}: {place} is no folder.")


def _try_keys(vault: VaultSettings) -> None:
    """Read the vault's keys that are files; a credential is there only within its unit."""
    for word in ("private_key_file", "table_key_file"):
        file = getattr(vault, word)
        try:
            if file is not None:
                read_key_bytes(Path(file).read_bytes(), file)
        except PermissionError:
            click.echo(f"# vault.{word} is not tried: this user may not read it", err=True)
        except OSError as error:  # VaultLocked is one, too.
            raise SettingsRefused(f"vault.{word}: {error}") from error


def _lines(value: Any, name: str) -> Iterator[str]:
    if isinstance(value, dict) and set(value) != {"zh", "en"}:
        for key, inner in value.items():
            yield from _lines(inner, f"{name}{key}.")
    elif isinstance(value, list | tuple) and value and isinstance(value[0], dict):
        for inner in value:
            label = inner.get("id", "")
            yield from _lines(
                {key: one for key, one in inner.items() if key != "id"},
                f"{name[:-1]}[{label}].",
            )
    else:
        shown = "not set" if value is None else json.dumps(value, ensure_ascii=False)
        yield f"{name.rstrip('.')} = {shown}"


@main.command()
@_CONFIG
@_JSON
def summary(path: str, as_json: bool) -> None:
    """Print what was counted, and the evidence that nothing was counted twice."""
    with _exits():
        found = _read(path, reading.summary)
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False))
        return
    click.echo(f"passages: {found['total']}")
    for compound, number in found["passages"].items():
        ways = ", ".join(f"{way} {n}" for way, n in found["ways"][compound].items() if n)
        click.echo(f"  {compound}: {number} ({ways})")
    click.echo("decisions: " + ", ".join(f"{k} {n}" for k, n in found["decisions"].items()))
    for day, counters in found["days"].items():
        click.echo(f"  {day}: {counters['passages']} passages")
    for word in ("rows", "distinct", "missing", "lost", "conflicts", "forks", "chain_breaks",
                 "not_understood", "refused"):  # fmt: skip
        click.echo(f"{word}: {found[word]}")


@main.command()
@_CONFIG
@_JSON
def gaps(path: str, as_json: bool) -> None:
    """List what is missing, what is lost for good, and what does not fit together."""
    with _exits():
        found = _read(path, reading.gaps)
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False))
        return
    for word in ("holes", "lost"):
        for one in found[word]:
            reason = f": {one['reason']}" if one.get("reason") else ""
            click.echo(
                f"{word}: {one['compound']}/{one['gate']} stream {one['stream']}"
                f" {one['first']} to {one['last']} ({one['entries']} entries){reason}"
            )
    for one in found["troubles"]:
        where = f"{one['compound']}/{one['gate']} stream {one['stream']} entry {one['seq']}"
        click.echo(f"{one['what']}: {where}: {one['detail']}")
    if not any(found.values()):
        click.echo("nothing is missing")


def _read(path: str, look: Callable[[Any], dict[str, Any]]) -> dict[str, Any]:
    settings, _ = config.read(path)
    with closing(reading.open_read_only(str(settings.ledger_path))) as db:
        try:
            db.execute("BEGIN")  # One moment for all the queries.
            return look(db)
        except sqlite3.Error as error:
            raise reading.unreadable(settings.ledger_path, error) from error


@main.command()
@_CONFIG
@click.option("--compound", required=True, help="The compound that the alarm names.")
@click.option("--gate", required=True, help="The gate that the alarm names.")
@click.option("--what", type=click.Choice(sorted(TROUBLES)), help="A trouble of the ledger.")
@click.option(
    "--alert", metavar="NAME", help="An alarm that the gate raised, as its feed names it."
)
@click.option("--by", required=True, metavar="ROLE", help="Who has seen it: a role, not a name.")
def acknowledge(
    path: str, *, compound: str, gate: str, what: str | None, alert: str | None, by: str
) -> None:
    """Acknowledge an alarm that somebody has seen: of the ledger (--what), or a gate's (--alert).

    A gate's alarm belongs to the gate: it is asked, again and again for ten minutes, until it
    answers.
    """
    if (what is None) == (alert is None):
        raise click.UsageError("Give either --what or --alert.")
    name = alert if alert is not None else f"{asking.OWN}{what}"
    with _exits():
        settings, _ = config.read(path)
        done = asking.acknowledge(settings.ledger_path, (compound, gate), name, by, clock.at_ms())
    if done is None:
        click.echo("no such alarm is open and unacknowledged")
        sys.exit(1)
    click.echo("acknowledged" if done == "done" else f"the gate is asked: command {done}")


@main.command()
@click.option("--private", required=True, metavar="FILE", help="The vault's key, to be made.")
@click.option("--public", required=True, metavar="FILE", help="The gates' key, to be made.")
@click.option("--table", metavar="FILE", help="The key of the vault's tables, to be made.")
def keygen(private: str, public: str, table: str | None) -> None:
    """Make the key pair that gates seal to, and the key of the vault's tables."""
    with _exits():
        paths = [Path(one) for one in (private, public, table) if one is not None]
        for one in paths:
            if one.exists():
                raise SettingsRefused(f"{one}: it is there already; a key is never overwritten")
        key = PrivateKey.generate()
        _write(Path(private), bytes(key), 0o600)
        _write(Path(public), bytes(key.public_key), 0o644)
        if table is not None:
            _write(Path(table), secrets.token_bytes(32), 0o600)


def _write(path: Path, key: bytes, mode: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "w") as file:
        file.write(key.hex() + "\n")


@main.group()
def vault() -> None:
    """Open what gates sealed: the vault alone can."""


@vault.command("run")
@_CONFIG
@click.option("--once", is_flag=True, help="Open what is there, and end.")
def vault_run(path: str, once: bool) -> None:
    """Open seals as the ledger commits them, until asked to stop."""
    with _exits():
        settings, _ = config.read(path)
        if settings.vault is None:
            raise SettingsRefused(f"{path}: vault: this table is missing.")
        log_to_stderr()
        with closing(Watch(watchdog_s())) as watch, closing(_open_vault(settings.vault)) as opened:
            if once:
                following.look(opened, settings)
                click.echo(json.dumps(opened.counts()))
                return
            stop = threading.Event()
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, lambda *_: stop.set())
            following.follow(opened, settings, settings.vault.every_s, stop, watch)


def _open_vault(settings: VaultSettings) -> Vault:
    keys = []
    for word in ("private_key", "table_key"):
        file, credential = (
            getattr(settings, f"{word}_file"),
            getattr(settings, f"{word}_credential"),
        )
        content = config.secret(file, credential, f"vault.{word}_file")
        assert content is not None
        keys.append(read_key_bytes(content, f"vault.{word}_file"))
    return Vault(settings.database, *keys)
