"""What `gateway check` tries beyond the settings' words: the files and addresses that they name.

No device is opened: a running gate may hold it, and one that is not plugged in is no fault here.
"""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec
import serial

from drivers import ports
from drivers.cameras import open_camera
from drivers.driver import declared, load
from drivers.errors import PortRefused, SourceRefused
from gateway import config, mqtt, seal
from gateway.calibration.told import fitting
from gateway.config import Broker, CameraSettings, Settings
from gateway.devices.tables import GPIO, KINDS, Wired
from gateway.errors import SettingsRefused
from gateway.plates.errors import PlateError
from gateway.plates.readers import open_reader

_PRETENDED: Final = ("sim://", "replay://")
"""Ports behind which no device stands: these can be opened at any time."""


def attempt(settings: Settings) -> tuple[str, ...]:
    """Read every file and address that is named; raises SettingsRefused or SecretMissing.

    Give what is no fault and must be known. A credential is there only within its unit, and is not
    asked for.
    """
    _try_folder("data_dir", Path(settings.data_dir))
    seal.sealer(Path(settings.seal.public_key_file))
    if settings.desk.key_file:
        seal.read_key(Path(settings.desk.key_file), "desk.key_file")
    _, others = fitting(Path(settings.data_dir), settings.thermometer)
    _try_broker(settings.broker)
    for table, devices in settings.wired.items():
        for device in devices:
            _try_port(table, device)
    for camera in settings.camera:
        _try_source(camera)
    _try_reader(settings.plates.reader)
    return others


def as_understood(settings: Settings) -> dict[str, Any]:
    """Give the settings with what applies where nothing is set."""
    understood: dict[str, Any] = msgspec.to_builtins(settings)
    for told, lane in zip(understood["lane"], settings.lanes, strict=True):
        told |= {"takes_temperature": lane.measures, "heated_drivers": lane.heats}
    for table, devices in settings.wired.items():
        for told, device in zip(understood[table], devices, strict=True):
            driver = load(device.driver, KINDS[table], device.options)
            told |= {"baud": device.baud or driver.baud, "line": device.line or driver.line}
    return understood


def unset_options(settings: Settings) -> Iterable[tuple[str, str]]:
    """Name each option that a device's driver has and the settings do not set, with its meaning."""
    for table, devices in settings.wired.items():
        for device in devices:
            for option, meaning in declared(device.driver, KINDS[table]).options.items():
                if option not in device.options:
                    yield f"{table}.{device.name}.options.{option}", meaning


def _try_folder(key: str, folder: Path) -> None:
    """Refuse a path where a file is in the way; a folder that is not there yet will be made."""
    # os.path: a folder that this user may not look into is no fault here.
    place = next(one for one in (folder, *folder.parents) if os.path.exists(one))  # noqa: PTH110
    if not place.is_dir():
        raise SettingsRefused(f"{key} = {str(folder)!r}: {place} is no folder.")


def _try_reader(name: str) -> None:
    """See that the programs of the second plate reader are here."""
    try:
        if name != "net":
            open_reader(name)
    except PlateError as error:
        raise SettingsRefused(f"plates.reader = {name!r}: {error}.") from error


def _try_broker(broker: Broker) -> None:
    if broker.password_file:
        config.password(broker)
    if broker.tls:
        mqtt.tls_context(broker.ca_file, broker.cert_file, broker.key_file)


def _try_port(table: str, line: Wired) -> None:
    if line.port.startswith(GPIO):
        return  # A line is taken, and so moved, by whoever opens it.
    driver = load(line.driver, KINDS[table], line.options)
    baud = line.baud or driver.baud
    key = f"{table}.{line.name}.port = {line.port!r}"
    try:
        if line.port.startswith(_PRETENDED):
            ports.open_port(line.port, baud).close()
            return
        serial.serial_for_url(line.port, baudrate=baud, do_not_open=True)
        if line.port.startswith("socket://"):
            parts = urlsplit(line.port)
            if not parts.hostname or not parts.port:
                raise SettingsRefused(f"{key}: socket://HOST:PORT is wanted.")
    except (PortRefused, ValueError) as error:
        if isinstance(error, SettingsRefused):
            raise
        raise SettingsRefused(f"{key}: {error}.") from error


def _try_source(camera: CameraSettings) -> None:
    # What stands before an @ may be a password, in the wrong place.
    shown = "" if "@" in camera.source else f" = {camera.source!r}"
    key = f"camera.{camera.name}.source{shown}"
    if camera.password_file:
        config.camera_password(camera)
    try:
        open_camera(camera.source).close()
    except SourceRefused as error:
        raise SettingsRefused(f"{key}: {error}.") from error
    parts = urlsplit(camera.source)
    if parts.scheme in {"folder", "video", "v4l2"} and not parts.path.startswith("/"):
        raise SettingsRefused(f"{key}: the whole path is wanted, as in folder:///PATH.")
