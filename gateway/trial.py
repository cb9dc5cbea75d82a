"""What `gateway check` tries beyond the settings' words: the files and addresses that they name.

No device is opened: a running gate may hold it, and one that is not plugged in is no fault here.
"""

from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import serial

from drivers import ports, thermometer
from drivers.cameras import open_camera
from drivers.errors import PortRefused, SourceRefused
from gateway import config, mqtt, seal
from gateway.config import Broker, CameraSettings, Settings, ThermometerSettings
from gateway.errors import SettingsRefused

_PRETENDED: Final = ("sim://", "replay://")
"""Ports behind which no device stands: these can be opened at any time."""


def attempt(settings: Settings) -> None:
    """Read every file and address that is named; raises SettingsRefused or SecretMissing.

    A credential is there only within its unit, and is not asked for.
    """
    seal.sealer(Path(settings.seal.public_key_file))
    if settings.desk.key_file:
        seal.read_key(Path(settings.desk.key_file))
    _try_broker(settings.broker)
    for line in settings.thermometer:
        _try_port(line)
    for camera in settings.camera:
        _try_source(camera)


def _try_broker(broker: Broker) -> None:
    if broker.password_file:
        config.password(broker)
    if broker.tls:
        mqtt.tls_context(broker.ca_file, broker.cert_file, broker.key_file)


def _try_port(line: ThermometerSettings) -> None:
    baud = thermometer.load(line.driver).baud
    key = f"thermometer.{line.name}.port = {line.port!r}"
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
    key = f"camera.{camera.name}.source = {camera.source!r}"
    try:
        open_camera(camera.source).close()
    except SourceRefused as error:
        raise SettingsRefused(f"{key}: {error}.") from error
    if not urlsplit(camera.source).path.startswith("/"):
        raise SettingsRefused(f"{key}: the whole path is wanted, as in folder:///PATH.")
