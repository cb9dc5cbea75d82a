"""The gate's settings: one TOML in, frozen structs out, or a refusal that names key and reason.

No default for what identifies a place; unknown keys are typos; absurd limits are refused. Secrets
are never in the TOML: it names files, or credentials that systemd hands over.
"""

import errno
import re
import tomllib
from collections import Counter
from collections.abc import Iterable
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Annotated, Any, Final, Literal, get_type_hints
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
from msgspec import Meta, Struct

from drivers.driver import declared, names
from drivers.thermometer import Thermometer
from gateway import contract, systemd
from gateway.contract import Name
from gateway.core import limits
from gateway.core.limits import Limits
from gateway.core.passage import Lane
from gateway.devices.tables import (
    KINDS,
    BarrierSettings,
    DistanceSettings,
    LaneWires,
    ReaderSettings,
    Wired,
    lane_faults,
    named,
    shared_faults,
    wired_faults,
)
from gateway.errors import SecretMissing, SettingsRefused
from gateway.plates.grammar import PROVINCES

Words = Annotated[str, Meta(pattern=r"\S", max_length=60)]
Filled = Annotated[str, Meta(min_length=1)]
Share = Annotated[float, Meta(ge=0, le=1)]
Corners = tuple[tuple[Share, Share], ...]
AREA_MIN: Final = 1e-4
"""Of a picture: less is not 100 pixels."""
SHOWN_MAX: Final = 80
ENTRY_BYTES_MIN: Final = 100
"""No entry takes less in the journal: two hashes, and a body."""
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_SECRET: Final = re.compile(r"pass(?!age)|secret|token|key|url", re.IGNORECASE)


def _screening() -> type[Struct]:
    """Make the `[screening]` table of the core's own Limits, with the ranges beside them."""
    hints = get_type_hints(Limits)
    table: list[tuple[str, Any, Any]] = []
    for item in fields(Limits):
        wanted = hints[item.name]
        if item.name in limits.RANGES:
            low, high = limits.RANGES[item.name]
            number = float if wanted is float else int
            wanted = Annotated[number, Meta(ge=low, le=high)] | (
                None if item.default is None else number
            )
            if item.default is not None:
                wanted = Annotated[number, Meta(ge=low, le=high)]
        assert item.default is not MISSING, item.name
        table.append((item.name, wanted, item.default))
    return msgspec.defstruct(
        "Screening", table, frozen=True, kw_only=True, forbid_unknown_fields=True
    )


Screening: Final = _screening()


class Names(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The gate's name as people read it."""

    zh: Words
    en: Words


class Broker(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the site's MQTT broker is, and how this gate shows who it is."""

    url: str
    """`mqtt://HOST:PORT`, or `mqtts://HOST:PORT` for TLS."""
    username: Filled | None = None
    password_credential: Filled | None = None
    password_file: Filled | None = None
    ca_file: Filled | None = None
    cert_file: Filled | None = None
    key_file: Filled | None = None
    keepalive_s: Annotated[int, Meta(ge=5, le=120)] = 15
    reconnect_s_max: Annotated[float, Meta(ge=1, le=600)] = 60.0

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


class SealSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """To whom personal data is sealed."""

    public_key_file: Filled


class DeskSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """With what the desk is encrypted; neither: a key that a power cut destroys."""

    key_credential: Filled | None = None
    key_file: Filled | None = None


class ScreenSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The guard's page."""

    listen: str = "127.0.0.1:8480"
    language: Literal["zh", "en"] = "zh"
    home_province: str = ""

    @property
    def host(self) -> str:
        """Where to listen."""
        return self.listen.rpartition(":")[0].strip("[]")

    @property
    def port(self) -> int:
        """On which port; 0 lets the machine choose."""
        return int(self.listen.rpartition(":")[2])


class LaneSettings(LaneWires, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One lane and its devices."""

    name: Name
    way: contract.Way
    cameras: tuple[Name, ...] = ()
    takes_temperature: bool | None = None
    """Unset: an `in` or `foot` lane does, an `out` lane does not."""
    place: Literal["outdoors", "shelter", "indoors"] = "outdoors"
    shelter_s: Annotated[float, Meta(ge=0, le=3600)] = 0.0
    """How long a person has been out of the cold before being measured here."""
    passage_wait_s: Annotated[float, Meta(ge=1, le=3600)] = 30.0
    """A passage that no witness holds is over after this."""
    ambient_centi_c: Annotated[int, Meta(ge=-5000, le=6000)] | None = None
    """The air that people come out of, in hundredths of a degree; unset: as the site's."""
    heated_drivers: bool | None = None
    """Whether vehicles' heaters warm faces; unset: in every lane but a `foot` lane."""
    sunlit: bool = False
    """People come here out of the sun: whoever is near the threshold waits in the shade first."""
    zone: Corners = ()
    """The stop zone in the camera's picture: corners from 0,0 (top left) to 1,1."""


class ThermometerSettings(Wired, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One thermometer."""

    vendor_compensated: bool = False
    """The module hands out a body temperature of its own making, and no raw value."""


class CameraSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One camera."""

    name: Name
    source: Filled
    reads_max: Annotated[int, Meta(ge=1, le=100)] = 8
    """Plate readings a track, at most."""
    approach: Literal["top", "bottom", "left", "right"] = "top"
    """The side of the picture from which vehicles come; who leaves by it has turned."""
    parked_s: Annotated[float, Meta(ge=60, le=86_400)] = 1800.0
    """What has not moved for so long is part of the scene."""
    region: Corners = ()
    """Where plates are read, as a zone is drawn; the camera's own time and name lie outside."""
    password_credential: Filled | None = None
    password_file: Filled | None = None
    """The password that belongs to the name in the source, as in rtsp://NAME@HOST/PATH."""


class PlateSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How plates are read."""

    reader: Literal["net", "tesseract", "both"] = "net"


class UplinkSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How much is on its way to the centre, and how long the gate waits."""

    window: Annotated[int, Meta(ge=1, le=64)] = 8
    batch: Annotated[int, Meta(ge=1, le=contract.BATCH_MAX)] = contract.BATCH_MAX
    patience_s: Annotated[float, Meta(ge=0.5, le=60)] = 5.0
    patience_s_max: Annotated[float, Meta(ge=1, le=3600)] = 300.0
    spread_s: Annotated[float, Meta(ge=0, le=60)] = 1.0
    health_s: Annotated[float, Meta(ge=1, le=600)] = 60.0


class Retention(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """For how long what is kept."""

    sealed_days: Annotated[float, Meta(ge=1, le=180)] = 28.0
    """14 days of incubation, and 14 again."""
    crop_days: Annotated[float, Meta(gt=0, le=7)] = 0.5
    """Crops and plate text on the desk."""
    lesson_days: Annotated[float, Meta(ge=0, le=365)] = 7.0
    """Crops of plates that the guard read, with their text, for the next training; 0 keeps none."""
    notes_mb_max: Annotated[int, Meta(ge=8, le=10_000)] = 256
    """Of crops and plate text on the desk, and as many again of lessons; the oldest go first."""
    entries_min: Annotated[int, Meta(ge=100, le=1_000_000)] = 2000
    """The newest entries stay, though they are safe at central."""
    journal_mb_max: Annotated[int, Meta(ge=8, le=100_000)] = 1024
    """Beyond it the oldest entries are given up, with a tombstone each range."""
    ring: Annotated[int, Meta(ge=10, le=100_000)] = 2000
    """Entries kept in memory while the journal takes none."""


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything one gate is told."""

    compound: Name
    gate: Name
    names: Names
    data_dir: Filled
    time_zone: str = "Asia/Shanghai"
    """Whose midnight ends the day that the guard's page counts."""
    clock: Literal["kernel", "host"] = "kernel"
    """`host`: something outside this kernel keeps the clock right, as a virtual machine's host."""
    broker: Broker
    seal: SealSettings
    desk: DeskSettings = DeskSettings()
    screen: ScreenSettings = ScreenSettings()
    lane: Annotated[tuple[LaneSettings, ...], Meta(min_length=1, max_length=16)]
    thermometer: tuple[ThermometerSettings, ...] = ()
    distance: tuple[DistanceSettings, ...] = ()
    reader: tuple[ReaderSettings, ...] = ()
    barrier: tuple[BarrierSettings, ...] = ()
    camera: tuple[CameraSettings, ...] = ()
    plates: PlateSettings = PlateSettings()
    screening: Screening = Screening()  # type: ignore[valid-type]
    uplink: UplinkSettings = UplinkSettings()
    retention: Retention = Retention()

    @property
    def zone(self) -> ZoneInfo:
        """The time zone, looked up."""
        return ZoneInfo(self.time_zone)

    @property
    def wired(self) -> dict[str, tuple[Wired, ...]]:
        """All that hangs on wires, by its table."""
        return {table: getattr(self, table) for table in KINDS}

    @property
    def lanes(self) -> tuple[Lane, ...]:
        """The lanes, as the core takes them: an array is no thermometer there."""
        arrays = {one.name for one in self.thermometer if is_array(one)}
        return tuple(_lane(lane, arrays) for lane in self.lane)

    @property
    def limits(self) -> Limits:
        """The screening's numbers, as the core takes them."""
        return Limits(**msgspec.structs.asdict(self.screening))


def _lane(lane: LaneSettings, arrays: set[str]) -> Lane:
    """Make the core's lane of a lane's settings."""
    known = msgspec.structs.asdict(lane)
    del known["zone"], known["barrier_channel"]
    known["arrays"] = tuple(name for name in lane.thermometers if name in arrays)
    known["thermometers"] = tuple(name for name in lane.thermometers if name not in arrays)
    return Lane(**known)


def is_array(thermometer: ThermometerSettings) -> bool:
    """Say whether this finds faces and does not decide fever."""
    return declared(thermometer.driver, Thermometer).is_array


def read(path: str | Path) -> Settings:
    """Read a gate's settings; raises SettingsRefused with the first fault's key and reason."""
    try:
        text = Path(path).read_bytes().decode()
    except OSError as error:
        raise SettingsRefused(
            f"The settings {path} cannot be read ({error.strerror}): name the gate's TOML."
        ) from error
    except UnicodeDecodeError as error:
        raise SettingsRefused(f"The settings {path} are no UTF-8: {error}.") from error
    return parse(text)


def parse(text: str) -> Settings:
    """Understand a gate's TOML; raises SettingsRefused with the first fault's key and reason."""
    try:
        raw = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise SettingsRefused(f"This is no TOML: {error}.") from error
    for key in _control_characters(raw, ""):
        raise SettingsRefused(f"{key}: it holds a control character, which no name or path may.")
    try:
        settings = msgspec.convert(raw, Settings)
    except msgspec.ValidationError as error:
        raise SettingsRefused(_explain(str(error), raw)) from error
    for fault in _faults(settings):
        raise SettingsRefused(fault)
    return settings


def _explain(message: str, raw: dict[str, Any]) -> str:
    """Turn msgspec's "... - at `$.lane[0].zone`" into key, name, value and reason."""
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
        if step.isdigit() and isinstance(value, dict) and isinstance(value.get("name"), str):
            where += f" ({value['name'][:SHOWN_MAX]})"
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
    yield from _screen_faults(settings.screen)
    yield from _name_faults(settings)
    yield from wired_faults(settings.wired)
    yield from _lane_faults(settings)
    yield from _picture_faults(settings)
    yield from shared_faults({lane.name: lane for lane in settings.lane})
    try:
        _ = settings.zone
    except (ZoneInfoNotFoundError, ValueError, OSError):
        yield f"time_zone = {settings.time_zone!r}: no such time zone; Asia/Shanghai is one."
    for low, high in limits.ORDERED:
        one, other = getattr(settings.screening, low), getattr(settings.screening, high)
        if one > other:
            yield f"screening.{low} = {one!r}: it is above {high} = {other!r}."
    if settings.uplink.patience_s > settings.uplink.patience_s_max:
        yield f"uplink.patience_s = {settings.uplink.patience_s!r}: it is above patience_s_max."
    kept, mb_max = settings.retention.entries_min, settings.retention.journal_mb_max
    if kept * ENTRY_BYTES_MIN > mb_max * 2**20:
        yield f"retention.entries_min = {kept}: so many do not fit into journal_mb_max = {mb_max}."
    if settings.desk.key_credential and settings.desk.key_file:
        yield "desk.key_file: key_credential is set too; keep one."


def _broker_faults(broker: Broker) -> Iterable[str]:
    try:
        parts = urlsplit(broker.url)
        port = parts.port
    except ValueError as error:
        if "@" in broker.url:
            # Python's own words would repeat it, and it may be a password with a slash.
            yield "broker.url: it holds a name or password; use username and password_credential."
            return
        yield f"broker.url = {broker.url!r}: {error}."
        return
    if parts.username or parts.password:
        yield "broker.url: it holds a name or password; use username and password_credential."
    elif (
        parts.scheme not in {"mqtt", "mqtts"}
        or not parts.hostname
        or port == 0
        or re.search(r"\s", broker.url)
    ):
        yield f"broker.url = {broker.url!r}: mqtt://HOST:PORT or mqtts://HOST:PORT is wanted."
    elif parts.path not in {"", "/"} or parts.query or parts.fragment:
        yield f"broker.url = {broker.url!r}: nothing may follow the port."
    if broker.password_credential and broker.password_file:
        yield "broker.password_file: password_credential is set too; keep one."
    if (broker.cert_file is None) != (broker.key_file is None):
        yield "broker.cert_file: cert_file and key_file go together."
    if not broker.tls and (broker.ca_file or broker.cert_file):
        yield f"broker.ca_file: the url {broker.url!r} is not mqtts://, so nothing is encrypted."


def _screen_faults(screen: ScreenSettings) -> Iterable[str]:
    host, _, port = screen.listen.rpartition(":")
    if host not in {"127.0.0.1", "localhost", "[::1]"}:
        yield f"screen.listen = {screen.listen!r}: the page has no login; listen on 127.0.0.1."
    if not re.fullmatch("[0-9]{1,5}", port) or int(port) > 65535:
        yield f"screen.listen = {screen.listen!r}: a port from 0 to 65535 is wanted."

    if screen.home_province not in {"", *PROVINCES}:
        yield (
            f"screen.home_province = {screen.home_province!r}: a province is wanted as on plates,"
            " such as 鲁."
        )


def _name_faults(settings: Settings) -> Iterable[str]:
    seen: dict[str, str] = {}
    for table in ("lane", *KINDS, "camera"):
        for item in getattr(settings, table):
            if item.name in seen:
                yield f"{table}.name = {item.name!r}: a {seen[item.name]} has this name already."
            seen[item.name] = table


def _lane_faults(settings: Settings) -> Iterable[str]:
    wired = settings.wired
    cameras = {device.name for device in settings.camera}
    for lane in settings.lane:
        yield from lane_faults(lane.name, lane, wired)
        for name in lane.cameras:
            if name not in cameras:
                there = ", ".join(sorted(cameras)) or "none"
                yield f"lane.{lane.name}.cameras = {name!r}: no such device; there are: {there}."
        for word, named_there in (("thermometers", lane.thermometers), ("cameras", lane.cameras)):
            for name, times in Counter(named_there).items():
                if times > 1:
                    yield f"lane.{lane.name}.{word} = {name!r}: it is named {times} times."
        if lane.takes_temperature and not lane.thermometers:
            yield f"lane.{lane.name}.takes_temperature = true: the lane has no thermometer."
        known_drivers = names(Thermometer)
        own = [one for one in settings.thermometer if one.name in lane.thermometers]
        if own and all(one.driver in known_drivers and is_array(one) for one in own):
            yield (
                f"lane.{lane.name}.thermometers = {list(lane.thermometers)}: an array finds the"
                " face and does not decide fever; name a thermometer beside it."
            )
    used = named(settings.lane) | {name for lane in settings.lane for name in lane.cameras}
    there_are = cameras | {device.name for table in wired.values() for device in table}
    for name in sorted(there_are - used):
        yield f"device {name!r}: no lane uses it."


def _picture_faults(settings: Settings) -> Iterable[str]:
    seen: dict[tuple[str, Corners], str] = {}
    for lane in settings.lane:
        yield from _corner_faults(f"lane.{lane.name}.zone", lane.zone)
        if lane.zone and not lane.cameras:
            yield f"lane.{lane.name}.zone: the lane has no camera."
        for camera in lane.cameras:
            other = seen.setdefault((camera, lane.zone), lane.name)
            if other != lane.name:
                yield f"lane.{lane.name}.zone: in camera {camera} it is {other}'s zone, too."
    for one in settings.camera:
        yield from _corner_faults(f"camera.{one.name}.region", one.region)
        if one.password_credential and one.password_file:
            yield f"camera.{one.name}.password_file: password_credential is set too; keep one."


def _corner_faults(key: str, corners: Corners) -> Iterable[str]:
    if not corners:
        return
    if len(corners) < 3:
        yield f"{key}: three corners or more are wanted."
    turns = zip(corners, corners[1:] + corners[:1], strict=True)
    if abs(sum(x * down - right * y for (x, y), (right, down) in turns)) / 2 < AREA_MIN:
        yield f"{key}: its corners enclose nothing; name them in turn, once round it."


def camera_password(camera: CameraSettings) -> str:
    """Read a camera's password, "" when it has none; raises SecretMissing."""
    return password(camera) or ""


def password(broker: Broker | CameraSettings) -> str | None:
    """Read a broker's or camera's password from its credential or file; raises SecretMissing."""
    if broker.password_credential:
        where = f"credential {broker.password_credential!r}"
        return _text(systemd.credential(broker.password_credential), where)
    if broker.password_file:
        try:
            content = Path(broker.password_file).read_bytes()
        except OSError as error:
            raise SecretMissing(
                f"The password file {broker.password_file} cannot be read ({error.strerror}): put"
                " it there, readable by this user."
            ) from error
        return _text(content, f"file {broker.password_file}")
    return None


def _text(content: bytes, where: str) -> str:
    try:
        return content.decode().strip()
    except UnicodeDecodeError:
        # Not `from error`: the error carries the bytes.
        raise SettingsRefused(f"The password {where} is no text: UTF-8 is wanted.") from None


def data_folder(settings: Settings) -> Path:
    """Make the gate's folder, for this user alone; raises SettingsRefused.

    A disk that is full or read-only is no fault of the settings: the gate works on, NOT RECORDED.
    Nor is one that fails: whatever comes of it, the gate is started again.
    """
    folder = Path(settings.data_dir)
    trial = folder / ".trial"
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        trial.touch()
        trial.unlink()
    except OSError as error:
        ill = error.errno in {errno.EROFS, errno.ENOSPC, errno.EDQUOT} and folder.is_dir()
        if not ill and error.errno != errno.EIO:
            raise SettingsRefused(
                f"data_dir = {settings.data_dir!r}: this user cannot write there"
                f" ({error.strerror})."
            ) from error
    return folder
