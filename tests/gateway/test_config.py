"""Settings: what is understood, and the first fault with key, value and reason."""

import errno
from dataclasses import fields
from pathlib import Path

import pytest

from gateway import config
from gateway.core import limits
from gateway.core.limits import Limits
from gateway.errors import SecretMissing, SettingsRefused

ZONE = "[[0.1, 0.4], [0.9, 0.4], [0.9, 1.0], [0.1, 1.0]]"
GOOD = """
compound = "c01"
gate = "east"
names = { zh = "东门", en = "East gate" }
data_dir = "/var/lib/gatepost"
[broker]
url = "mqtts://broker.example:8884"
username = "gate-c01-east"
[seal]
public_key_file = "/etc/gatepost/seal.pub"
[[lane]]
name = "in1"
way = "in"
thermometers = ["t1"]
cameras = ["cam1"]
zone = [[0.1, 0.4], [0.9, 0.4], [0.9, 1.0], [0.1, 1.0]]
[[lane]]
name = "out1"
way = "out"
[[thermometer]]
name = "t1"
driver = "gy_mcu90614"
port = "/dev/gate/thermometer"
[[camera]]
name = "cam1"
source = "folder:///var/lib/gatepost/pictures"
"""


def test_a_good_file_is_understood():
    settings = config.parse(GOOD + "[screening]\nfever_centi_c = 3730\n")
    assert (settings.broker.host, settings.broker.port, settings.broker.tls) == (
        "broker.example", 8884, True,
    )  # fmt: skip
    assert settings.limits.fever_centi_c == 3730
    assert [lane.name for lane in settings.lanes] == ["in1", "out1"]
    assert settings.lanes[0].measures
    assert not settings.lanes[1].measures
    assert settings.screen.port == 8480
    other = config.parse(GOOD + '[screen]\nlisten = "[::1]:8481"\n').screen
    assert (other.host, other.port) == ("::1", 8481)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('compound = "c01"\n', "", "compound"),
        ('gate = "east"\n', "", "gate"),
        ('gate = "east"', 'gate = "East Gate"', "gate = 'East Gate'"),
        ('data_dir = "/var/lib/gatepost"\n', "", "data_dir"),
        ("username", "user_name", "user_name"),
        ("[seal]", "[screening]\nfevr_centi_c = 1\n[seal]", "fevr_centi_c"),
        ("[seal]", "[screening]\nfever_centi_c = 9900\n[seal]", "screening.fever_centi_c = 9900"),
        ("[seal]", "[screening]\nfever_centi_c = 37.3\n[seal]", "fever_centi_c"),
        ("[seal]", "[screening]\nnear_mm = 900\n[seal]", "above far_mm"),
        ("[seal]", "[screening]\nfevr_centi_c = 1\n[seal]", "fevr_centi_c = 1: no such setting"),
        ("[seal]", 'password = "secret"\n[seal]', "broker.password: no such setting"),
        ("[seal]", "[uplink]\nwindow = 0\n[seal]", "uplink.window = 0"),
        ("[seal]", "[uplink]\npatience_s = 50\npatience_s_max = 2\n[seal]", "patience_s"),
        ("[seal]", "[retention]\nsealed_days = 9999\n[seal]", "retention.sealed_days = 9999"),
        ("[seal]", '[screen]\nlisten = "0.0.0.0:80"\n[seal]', "loopback|127.0.0.1"),
        ("[seal]", '[screen]\nlisten = "127.0.0.1:99999"\n[seal]', "99999"),
        ("mqtts://broker.example:8884", "http://broker", "mqtt://HOST:PORT"),
        ("mqtts://broker.example:8884", "mqtts://me:secret@broker", "password_credential"),
        ("mqtts://broker.example:8884", "mqtts://broker:99999", "range"),
        ("mqtts://broker.example:8884", "mqtts://me:secret@[broker", "username"),
        ("mqtts://broker.example:8884", "mqtts://me:secret/more@broker", "username"),
        ("mqtts://broker.example:8884", "mqtts://me:secret？@broker", "username"),
        ("/etc/gatepost/seal.pub", "/etc/\\u0000", "seal.public_key_file: it holds a control char"),
        ("[seal]", '[screen]\nlisten = "127.0.0.1:²"\n[seal]', "a port from 0 to 65535"),
        (
            "[seal]",
            f'[screen]\nlisten = "127.0.0.1:{"9" * 5000}"\n[seal]',
            "a port from 0 to 65535",
        ),
        ('gate = "east"', f'gate = "{"e" * 5000}"', r"gate = 'e{79}\.\.\.: "),
        ('compound = "c01"', 'compound = "c01"\ntime_zone = "Asia"', "time_zone = 'Asia': no such"),
        ('username = "gate-c01-east"', 'cert_file = "x"', "go together"),
        ('thermometers = ["t1"]', 'thermometers = ["t9"]', "'t9': no such device; there are: t1"),
        ('thermometers = ["t1"]', "thermometers = []", "'t1': no lane uses it"),
        ('name = "out1"', 'name = "in1"', "has this name already"),
        ('way = "out"', 'way = "sideways"', "lane.1.way|sideways"),
        ('way = "out"', 'way = "out"\ntakes_temperature = true', "no thermometer"),
        ("zone = [[0.1, 0.4], [0.9, 0.4], [0.9, 1.0], [0.1, 1.0]]", "zone = [[0, 0]]", "corners"),
        ("[0.9, 1.0]", "[0.9, 1.5]", r"lane.0. \(in1\).zone.2..1. = 1.5: "),
        ('way = "out"', "", r"lane.1. \(out1\): .* required field `way`"),
        ('way = "out"', 'wya = "out"', r"lane.1. \(out1\).wya = 'out': no such setting"),
        (
            "[0.9, 1.0], [0.1, 1.0]]",
            "[0.1, 1.0], [0.9, 1.0]]",
            "lane.in1.zone: its corners enclose",
        ),
        ("folder:///", 'x"\nregion = [[0, 0], [1, 1], [0.5, 0.5]]\n#', "cam1.region: its corners"),
        ('way = "out"', 'way = "out"\nzone = [[0, 0], [1, 0], [1, 1]]', "lane.out1.zone: the lane"),
        ('way = "out"', f'way = "out"\ncameras = ["cam1"]\nzone = {ZONE}', "it is in1's zone, too"),
        ('thermometers = ["t1"]', 'thermometers = ["t1", "t1"]', "'t1': it is named 2 times"),
        ('cameras = ["cam1"]', 'cameras = ["cam1", "cam1"]', "'cam1': it is named 2 times"),
        ('gate = "east"', 'gate = "east\\n"', "gate: it holds a control character"),
        ('"东门"', '"\\u0007"', "names.zh: it holds a control character"),
        ('"东门"', '" "', "names.zh = ' '"),
        ('username = "gate-c01-east"', 'username = ""', "broker.username = ''"),
        ('username = "gate-c01-east"', 'password_file = ""', "broker.password_file: Expected"),
        ("broker.example:8884", "bro ker", "mqtts://HOST:PORT is wanted"),
        ("broker.example:8884", "broker#x", "nothing may follow the port"),
        (
            "[seal]",
            '[desk]\nkey_file = "x"\nkey_credential = "x"\n[seal]',
            "desk.key_file: key_cred",
        ),
        (
            "folder:///",
            'x"\npassword_file = "x"\npassword_credential = "x"\n#',
            "cam1.password_file",
        ),
        ("[seal]", '[screen]\nlisten = "::1:8480"\n[seal]', "screen.listen = '::1:8480'"),
        ("[seal]", '[screen]\nhome_province = "A"\n[seal]', "screen.home_province = 'A'"),
        ("[seal]", '[screen]\nhome_province = " "\n[seal]', "screen.home_province = ' '"),
        (
            "[seal]",
            "[screening]\naccepted_span_s_min = 10\nwindow_s_max = 0.5\n[seal]",
            "accepted_span_s_min = 10.0: it is above window_s_max = 0.5",
        ),
        (
            "[seal]",
            "[retention]\nentries_min = 1000000\njournal_mb_max = 8\n[seal]",
            "retention.entries_min = 1000000: so many do not fit into journal_mb_max = 8",
        ),
        (
            'way = "in"',
            'way = "in"\npassage_wait_s = 0.5',
            r"lane.0. \(in1\).passage_wait_s = 0.5: ",
        ),
        ("[seal]", 'pass = "secret"\n[seal]', "broker.pass: no such setting"),
        ("gy_mcu90614", "gy_mcu90615", "gy_mcu90615"),
        ("gy_mcu90614", "gy_mcu90640", "an array finds the face and does not decide fever"),
        ('compound = "c01"', 'compound = "c01', "no TOML"),
        ('compound = "c01"', 'compound = "c01"\ntime_zone = "Mars/Olympus"', "Mars/Olympus"),
    ],
)
def test_a_fault_is_refused_with_key_value_and_reason(old, new, said):
    assert old in GOOD
    with pytest.raises(SettingsRefused, match=said) as caught:
        config.parse(GOOD.replace(old, new, 1))
    assert "secret" not in str(caught.value)


def test_every_number_of_the_screening_has_a_range_and_its_default_is_within():
    numbers = {
        item.name: item.default
        for item in fields(Limits)
        if not isinstance(item.default, (bool, str))
    }
    assert numbers.keys() == limits.RANGES.keys()
    for name, (low, high) in limits.RANGES.items():
        default = numbers[name]
        assert default is None or low <= default <= high, name


def test_an_array_beside_a_thermometer_is_no_thermometer_to_the_core():
    more = """
[[thermometer]]
name = "a1"
driver = "gy_mcu90640"
port = "/dev/gate/array"
"""
    text = GOOD.replace('thermometers = ["t1"]', 'thermometers = ["t1", "a1"]', 1) + more
    lane = config.parse(text).lanes[0]
    assert (lane.thermometers, lane.arrays) == (("t1",), ("a1",))


def test_a_file_that_is_not_there_is_said(tmp_path):
    with pytest.raises(SettingsRefused, match=r"nowhere\.toml"):
        config.read(tmp_path / "nowhere.toml")
    (tmp_path / "latin.toml").write_bytes(b"names = '\xe4'")
    with pytest.raises(SettingsRefused, match="UTF-8"):
        config.read(tmp_path / "latin.toml")


def test_the_password_comes_from_a_credential_or_a_file(tmp_path, monkeypatch):
    settings = config.parse(GOOD.replace("username", 'password_credential = "mqtt"\nusername'))
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    with pytest.raises(SecretMissing, match="LoadCredential"):
        config.password(settings.broker)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    with pytest.raises(SecretMissing, match="mqtt"):
        config.password(settings.broker)
    (tmp_path / "mqtt").write_text("s3cret\n")
    assert config.password(settings.broker) == "s3cret"
    file = tmp_path / "mqtt"
    settings = config.parse(GOOD.replace("username", f'password_file = "{file}"\nusername'))
    assert config.password(settings.broker) == "s3cret"
    assert config.password(config.parse(GOOD).broker) is None


@pytest.mark.parametrize("word", ["mkdir", "touch"])
def test_a_card_that_fails_at_the_start_is_no_fault_of_the_settings(tmp_path, monkeypatch, word):
    def fail(*_, **__):
        raise OSError(errno.EIO, "Input/output error")

    settings = config.parse(GOOD.replace("/var/lib/gatepost", str(tmp_path / "data"), 1))
    with monkeypatch.context() as failing:
        failing.setattr(Path, word, fail)
        assert config.data_folder(settings) == tmp_path / "data"


def test_the_example_is_understood(pytestconfig):
    example = pytestconfig.rootpath / "systemd" / "gateway.example.toml"
    settings = config.read(example)
    assert settings.lane
