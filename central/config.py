"""The centre's settings: one TOML and the site's file in, frozen structs out, or a refusal.

Unknown keys are refused with key, value and reason. Nothing that identifies a place has a default.
Secrets are never in the TOML: it names files or systemd credentials.
"""

import os
import re
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Final, TypeVar
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
from msgspec import Meta, Struct

from central.alarms import CENTRAL
from central.errors import SettingsRefused
from gateway.contract import Name

Words = Annotated[str, Meta(pattern=r"\S", max_length=60)]
Filled = Annotated[str, Meta(min_length=1)]
Seconds = Annotated[float, Meta(ge=0.2, le=86_400)]
S = TypeVar("S", bound=Struct)
SHOWN_MAX: Final = 80
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_SECRET: Final = re.compile(r"pass(?!age)|secret|token|key|url", re.IGNORECASE)


class Names(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A name as people read it."""

    zh: Words
    en: Words


# --- The site -------------------------------------------------------------------------------


class City(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A city."""

    id: Name
    names: Names


class Office(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A sub-district office, which watches its compounds."""

    id: Name
    names: Names


class SiteGate(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A gate that is expected to report."""

    id: Name
    names: Names


class Compound(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A residential compound, its office, city and gates."""

    id: Name
    office: Name
    city: Name
    names: Names
    gate: Annotated[tuple[SiteGate, ...], Meta(min_length=1)]


class Site(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All places; what is not here is not expected, and said so when it reports."""

    names: Names
    zone: str
    """Whose days are counted, such as Asia/Shanghai."""
    city: Annotated[tuple[City, ...], Meta(min_length=1)]
    office: Annotated[tuple[Office, ...], Meta(min_length=1)]
    compound: Annotated[tuple[Compound, ...], Meta(min_length=1)]

    @property
    def gates(self) -> tuple[tuple[str, str], ...]:
        """Every expected gate, as compound and gate."""
        return tuple((place.id, gate.id) for place in self.compound for gate in place.gate)


# --- The centre -----------------------------------------------------------------------------


class Broker(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the site's MQTT broker is, and how the centre shows who it is."""

    url: Filled
    """`mqtt://HOST:PORT`, or `mqtts://HOST:PORT` for TLS."""
    websockets_url: Filled
    """What the wall page connects to, `ws://` or `wss://`, as seen from a browser."""
    username: Filled | None = None
    password_credential: Filled | None = None
    password_file: Filled | None = None
    ca_file: Filled | None = None
    cert_file: Filled | None = None
    key_file: Filled | None = None
    keepalive_s: Annotated[int, Meta(ge=5, le=120)] = 15
    reconnect_s_max: Annotated[float, Meta(ge=1, le=600)] = 30.0

    @property
    def host(self) -> str:
        """The broker's host."""
        return urlsplit(self.url).hostname or ""

    @property
    def port(self) -> int:
        """The broker's port."""
        return urlsplit(self.url).port or (8883 if self.tls else 1883)

    @property
    def tls(self) -> bool:
        """Whether the link is encrypted."""
        return urlsplit(self.url).scheme == "mqtts"


class Http(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The wall page's small server."""

    listen: str = "127.0.0.1:8490"
    hosts: tuple[str, ...] = ()
    """Names by which a proxy asks for it, besides 127.0.0.1 and localhost."""

    @property
    def host(self) -> str:
        """Where to listen."""
        return self.listen.rpartition(":")[0].strip("[]")

    @property
    def port(self) -> int:
        """On which port; 0 lets the machine choose."""
        return int(self.listen.rpartition(":")[2])


class Backups(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Online backups; a gate may delete only what the oldest kept one holds."""

    directory: Filled
    """On another device than data_dir, or a dead disk takes both."""
    count: Annotated[int, Meta(ge=1, le=60)] = 2
    every_s: Annotated[float, Meta(ge=1, le=604_800)] = 86_400.0


class Feeding(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How often feeds are published, and when a gate counts as silent."""

    every_s: Annotated[float, Meta(ge=0.2, le=60)] = 2.0
    """At most one message each so many seconds on a topic."""
    refresh_s: Annotated[float, Meta(ge=5, le=3600)] = 60.0
    """`now` is published again after so long though nothing changed, so that as-of moves on."""
    heard_s: Annotated[float, Meta(ge=5, le=3600)] = 150.0
    """A gate was heard of if it spoke within so many seconds; its health comes each minute."""
    silent_s: Annotated[float, Meta(ge=5, le=86_400)] = 300.0
    """A gate that did not speak for so long raises an alarm."""


class Retention(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """For how long what is kept; counts without persons are kept for ever."""

    sealed_days: Annotated[float, Meta(ge=1, le=180)] = 28.0
    """14 days of incubation, and 14 again."""


class VaultSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The vault's key and tables: its own user may read them, `central run` never does."""

    private_key_file: Filled | None = None
    private_key_credential: Filled | None = None
    table_key_file: Filled | None = None
    table_key_credential: Filled | None = None
    database: Filled
    every_s: Annotated[float, Meta(ge=0.2, le=3600)] = 5.0


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything the centre is told."""

    site_file: Filled
    """The site's TOML; a relative path is meant from this file's folder."""
    data_dir: Filled
    broker: Broker
    backup: Backups
    http: Http = Http()
    feeds: Feeding = Feeding()
    retention: Retention = Retention()
    vault: VaultSettings | None = None

    @property
    def ledger_path(self) -> Path:
        """Where the ledger is."""
        return Path(self.data_dir) / "ledger.db"


# --- Reading --------------------------------------------------------------------------------


def read(path: str | Path) -> tuple[Settings, Site]:
    """Read the centre's settings and its site; raises SettingsRefused."""
    path = Path(path)
    settings = _read(path, Settings)
    site_path = path.parent / settings.site_file
    site = _read(site_path, Site)
    for fault in _faults(settings):
        raise SettingsRefused(f"{path}: {fault}")
    for fault in site_faults(site):
        raise SettingsRefused(f"{site_path}: {fault}")
    return settings, site


def _read(path: Path, shape: type[S]) -> S:
    try:
        text = path.read_bytes().decode()
    except OSError as error:
        raise SettingsRefused(f"{path}: it cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise SettingsRefused(f"{path}: it is no UTF-8: {error}.") from error
    try:
        raw = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise SettingsRefused(f"{path}: it is no TOML: {error}.") from error
    for key in _control_characters(raw, ""):
        raise SettingsRefused(
            f"{path}: {key}: it holds a control character, which no name or path may."
        )
    try:
        return msgspec.convert(raw, shape)
    except msgspec.ValidationError as error:
        raise SettingsRefused(f"{path}: {_explain(str(error), raw)}") from error


def _explain(message: str, raw: dict[str, Any]) -> str:
    """Turn msgspec's "... - at `$.compound[0].city`" into key, id, value and reason."""
    reason, _, place = message.partition(" - at `$")
    key = place.strip("`.")
    where = ""
    value: Any = raw
    for step in re.findall(r"[^.\[\]]+", key):
        where += f"[{step}]" if step.isdigit() else f".{step}"
        try:
            value = value[int(step)] if step.isdigit() else value[step]
        except (KeyError, IndexError, TypeError):
            return f"{key}: {reason}."
        if step.isdigit() and isinstance(value, dict) and isinstance(value.get("id"), str):
            where += f" ({value['id'][:SHOWN_MAX]})"
    where = where.lstrip(".")
    unknown = re.search(r"unknown field `([^`]+)`", reason)
    if unknown and isinstance(value, dict):
        word, value = unknown[1], value.get(unknown[1])
        key = f"{where}.{word}".lstrip(".")
        return f"{key}{_shown(word, value)}: no such setting; a typing error?"
    return f"{where or 'the file'}{_shown(key, value)}: {reason}."


def _shown(key: str, value: Any) -> str:
    """Show a value in a refusal: short, and never what may be a secret in the wrong place."""
    if not key or isinstance(value, (dict, list)) or _SECRET.search(key):
        return ""
    text = repr(value)
    return f" = {text}" if len(text) <= SHOWN_MAX else f" = {text[:SHOWN_MAX]}..."


def _control_characters(value: Any, key: str) -> Iterable[str]:
    """Find strings that no system call, no log line or no topic takes."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _control_characters(inner, f"{key}.{name}".lstrip("."))
    elif isinstance(value, list):
        for inner in value:
            yield from _control_characters(inner, key)
    elif isinstance(value, str) and _CONTROL.search(value):
        yield key


def _faults(settings: Settings) -> Iterable[str]:
    yield from _broker_faults(settings.broker)
    host, _, port = settings.http.listen.rpartition(":")
    if not re.fullmatch("[0-9]{1,5}", port) or int(port) > 65_535 or not host:
        yield f"http.listen = {settings.http.listen!r}: HOST:PORT is wanted."
    elif host not in {"127.0.0.1", "localhost", "[::1]"}:
        yield (
            f"http.listen = {settings.http.listen!r}: it has no login; listen on 127.0.0.1 and put"
            " a proxy before it."
        )
    if settings.feeds.silent_s < settings.feeds.heard_s:
        yield f"feeds.silent_s = {settings.feeds.silent_s!r}: it is below feeds.heard_s."
    if settings.feeds.refresh_s < settings.feeds.every_s:
        yield f"feeds.refresh_s = {settings.feeds.refresh_s!r}: it is below feeds.every_s."
    if Path(settings.backup.directory).resolve() == Path(settings.data_dir).resolve():
        yield f"backup.directory = {settings.backup.directory!r}: it is data_dir itself."
    if settings.vault:
        yield from _vault_faults(settings.vault, settings.ledger_path)


def _vault_faults(vault: VaultSettings, ledger: Path) -> Iterable[str]:
    for key in ("private_key", "table_key"):
        given = [getattr(vault, f"{key}_file"), getattr(vault, f"{key}_credential")]
        if sum(one is not None for one in given) != 1:
            yield f"vault.{key}_file: give either this or {key}_credential."
    for word in ("file", "credential"):
        one = getattr(vault, f"table_key_{word}")
        if one is not None and one == getattr(vault, f"private_key_{word}"):
            yield f"vault.table_key_{word} = {one!r}: it is the private key itself."
    if Path(vault.database).resolve() == ledger.resolve():
        yield f"vault.database = {vault.database!r}: it is the ledger itself."


_NAMED: Final = "broker.{}: it holds a name or password; use username and password_file."


def _broker_faults(broker: Broker) -> Iterable[str]:
    for key, url, schemes in (
        ("url", broker.url, ("mqtt", "mqtts")),
        ("websockets_url", broker.websockets_url, ("ws", "wss")),
    ):
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError as error:
            # Of an address with a password Python's own words may repeat a part of it.
            yield _NAMED.format(key) if "@" in url else f"broker.{key} = {url!r}: {error}."
            continue
        if parts.username or parts.password:
            yield _NAMED.format(key)
        elif (
            parts.scheme not in schemes or not parts.hostname or port == 0 or re.search(r"\s", url)
        ):
            yield f"broker.{key} = {url!r}: {schemes[0]}://HOST:PORT is wanted, or {schemes[1]}://."
        elif more := parts.fragment or (key == "url" and (parts.path.strip("/") or parts.query)):
            yield f"broker.{key} = {url!r}: {more!r} may not follow."
    if broker.password_credential and broker.password_file:
        yield "broker.password_file: password_credential is set too; keep one."
    if (broker.cert_file is None) != (broker.key_file is None):
        yield "broker.cert_file: cert_file and key_file go together."
    if not broker.tls and (broker.ca_file or broker.cert_file):
        yield f"broker.ca_file: the url {broker.url!r} is not mqtts://, so nothing is encrypted."


def site_faults(site: Site) -> Iterable[str]:
    """Find what in a site does not fit together."""
    try:
        ZoneInfo(site.zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        yield f"zone = {site.zone!r}: no such time zone; Asia/Shanghai is one."
    if any(place.id == CENTRAL for place in site.compound):
        yield f"compound.id = {CENTRAL!r}: so the centre's own alarms are named; choose another."
    offices, cities = {one.id for one in site.office}, {one.id for one in site.city}
    for table, ids in (
        ("city", [one.id for one in site.city]),
        ("office", [one.id for one in site.office]),
        ("compound", [one.id for one in site.compound]),
        *(
            (f"compound.{place.id}.gate", [gate.id for gate in place.gate])
            for place in site.compound
        ),
    ):
        twice = next((one for one in ids if ids.count(one) > 1), None)
        if twice is not None:
            yield f"{table}.id = {twice!r}: there are two of this id."
    for place in site.compound:
        if place.office not in offices:
            yield f"compound.{place.id}.office = {place.office!r}: no such office."
        if place.city not in cities:
            yield f"compound.{place.id}.city = {place.city!r}: no such city."


def secret(file: str | None, credential: str | None, what: str) -> bytes | None:
    """Read a secret from its file or systemd credential; None when neither is set."""
    if file is None and credential is None:
        return None
    folder = os.environ.get("CREDENTIALS_DIRECTORY", "")
    if file is None and not folder:
        raise SettingsRefused(
            f"{what}: the credential {credential!r} is not here; name it in the unit's"
            " LoadCredential=, or give a file."
        )
    path = Path(file) if file is not None else Path(folder) / str(credential)
    try:
        return path.read_bytes()
    except OSError as error:
        raise SettingsRefused(f"{what}: {path} cannot be read: {error.strerror}.") from error
