"""The units, as systemd itself reads them."""

import re
import shutil
import subprocess
import tomllib

import pytest

from tests.house.sources import ROOT

UNITS = sorted((ROOT / "systemd").glob("*.service"))
EXPOSURE_MAX = {
    "gatepost-gateway.service": 25,
    "gatepost-central.service": 20,
    "gatepost-vault.service": 15,
    "gatepost-kiosk.service": 45,
    "gatepost-kiosk-chromium.service": 75,
}
"""Tenths, as `systemd-analyze security` counts them; lower is safer."""
ANALYZE = shutil.which("systemd-analyze")
needs_systemd = pytest.mark.skipif(ANALYZE is None, reason="no systemd-analyze on this machine")


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The units with commands that exist here, so that only their own faults are told."""
    folder = tmp_path_factory.mktemp("units")
    for unit in UNITS:
        text = unit.read_text()
        (folder / unit.name).write_text(
            re.sub(r"^ExecStart=\S+", "ExecStart=/bin/true", text, flags=re.MULTILINE)
        )
    return folder


def test_every_unit_is_judged():
    assert {unit.name for unit in UNITS} == EXPOSURE_MAX.keys()


@needs_systemd
@pytest.mark.parametrize("name", sorted(EXPOSURE_MAX))
def test_systemd_understands_it(installed, name):
    done = subprocess.run(
        [ANALYZE, "verify", "--man=no", str(installed / name)],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    told = [line for line in done.stderr.splitlines() if "gatepost" in line]
    assert not told
    assert done.returncode == 0


@needs_systemd
@pytest.mark.parametrize("name", sorted(EXPOSURE_MAX))
def test_it_may_do_little(installed, name):
    limit = EXPOSURE_MAX[name]
    done = subprocess.run(
        [ANALYZE, "security", "--offline=true", f"--threshold={limit}", str(installed / name)],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-300:]


def settings(name):
    """Read a unit as pairs; a key may stand more than once."""
    lines = (ROOT / "systemd" / name).read_text().replace("\\\n", "").splitlines()
    return [tuple(line.split("=", 1)) for line in lines if "=" in line and line[0] not in "#["]


@pytest.mark.parametrize(
    ("who", "watchdog_s_max"), [("gateway", 30), ("central", 30), ("vault", 60)]
)
def test_each_of_our_processes_restarts_and_is_watched(who, watchdog_s_max):
    unit = dict(settings(f"gatepost-{who}.service"))
    assert unit["Type"] == "notify"
    assert unit["Restart"] == "always"
    assert unit["StartLimitIntervalSec"] == "0"
    assert unit["RestartPreventExitStatus"] == "2"
    assert int(unit["WatchdogSec"]) <= watchdog_s_max


def test_the_gateway_may_use_serial_lines_and_cameras_only():
    allowed = {v for k, v in settings("gatepost-gateway.service") if k == "DeviceAllow"}
    assert {"char-ttyUSB rw", "char-ttyACM rw", "char-video4linux rw"} <= allowed
    assert ("DevicePolicy", "closed") in settings("gatepost-gateway.service")


def test_a_stop_is_told_to_the_gateway_alone():
    """Else the camera process dies before it, and that is recorded as a camera lost."""
    assert ("KillMode", "mixed") in settings("gatepost-gateway.service")


def test_only_the_vault_is_given_the_private_key():
    for unit in UNITS:
        given = [v for k, v in settings(unit.name) if k == "LoadCredential"]
        assert any("vault" in v for v in given) == (unit.name == "gatepost-vault.service")


def test_the_vault_has_no_network():
    unit = dict(settings("gatepost-vault.service"))
    assert unit["PrivateNetwork"] == "yes"
    assert unit["RestrictAddressFamilies"] == "AF_UNIX"


def test_users_and_folders_are_those_the_units_name():
    users = (ROOT / "systemd" / "gatepost.sysusers.conf").read_text()
    folders = (ROOT / "systemd" / "gatepost.tmpfiles.conf").read_text()
    for unit in UNITS:
        for key, value in settings(unit.name):
            if key == "User":
                assert f"u {value} " in users
            if key == "LoadCredential":
                assert value.split(":")[1] in folders


def test_the_centre_may_write_its_backups_and_their_folder_is_made():
    """Else each backup fails, and no gate may ever delete."""
    example = tomllib.loads((ROOT / "systemd" / "central.example.toml").read_text())
    directory = example["backup"]["directory"]
    unit = settings("gatepost-central.service")
    writable = {f"/var/lib/{v}" for k, v in unit if k == "StateDirectory"}
    writable |= {v.removeprefix("-") for k, v in unit if k == "ReadWritePaths"}
    assert directory in writable
    folders = (ROOT / "systemd" / "gatepost.tmpfiles.conf").read_text().splitlines()
    made = [line.split() for line in folders if line.startswith("d ")]
    assert ["d", directory, "0750", "gatepost-central", "gatepost-central", "-"] in made


@needs_systemd
def test_users_and_folders_are_understood(tmp_path):
    for program, name in (
        ("systemd-sysusers", "gatepost.sysusers.conf"),
        ("systemd-tmpfiles", "gatepost.tmpfiles.conf"),
    ):
        found = shutil.which(program)
        if found is None:
            pytest.skip(f"no {program} on this machine")
        (tmp_path / "etc").mkdir(exist_ok=True)
        words = ["--create"] if program == "systemd-tmpfiles" else []
        done = subprocess.run(
            [found, *words, f"--root={tmp_path}", str(ROOT / "systemd" / name)],
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_no_crash_dump_is_left(unit):
    assert "\nLimitCORE=0\n" in unit.read_text()


def test_the_camera_process_may_give_way():
    """It lowers its own priority, a call among @resources, which are otherwise refused."""
    lines = (ROOT / "systemd" / "gatepost-gateway.service").read_text().splitlines()
    filters = [line for line in lines if line.startswith("SystemCallFilter=")]
    assert filters[-2:] == [
        "SystemCallFilter=~@privileged @resources",
        "SystemCallFilter=setpriority",
    ]
