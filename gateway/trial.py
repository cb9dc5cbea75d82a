"""What `gateway check` tries beyond the settings' words: the files and addresses that they name.

No device is opened: a running gate may hold it, and one that is not plugged in is no fault here.
"""

from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import serial

from drivers import ports
from drivers.cameras import open_camera
from drivers.driver import load
from drivers.errors import PortRefused, SourceRefused
from gateway import config, mqtt, seal
from gateway.calibration.told import fitting
from gateway.config import Broker, CameraSettings, Settings
from gateway.devices.tables import GPIO, KINDS, Wired
from gateway.errors import SettingsRefused

_PRETENDED: Final = ("sim://", "replay://")
"""Ports behind which no device stands: these can be opened at any time."""


def attempt(settings: Settings) -> tuple[str, ...]:
    """Read every file and address that is named; raises SettingsRefused or SecretMissing.

    Give what is no fault and must be known. A credential is there only within its unit, and is not
    asked for.
    """
    seal.sealer(Path(settings.seal.public_key_file))
    if settings.desk.key_file:
        seal.read_key(Path(settings.desk.key_file))
    _, others = fitting(Path(settings.data_dir), settings.thermometer)
    _try_broker(settings.broker)
    for table, devices in settings.wired.items():
        for device in devices:
            _try_port(table, device)
    for camera in settings.camera:
        _try_source(camera)
    return others


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
