"""Calibrating: nonsense is refused with its reason, what stands is recorded, drawn and loaded."""

import json
import random
import re
from contextlib import suppress
from xml.etree import ElementTree as ET

import msgspec
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from nacl.public import PrivateKey

from gateway import contract
from gateway.calibration.fit import Point, fit
from gateway.calibration.record import DAY_MS, Record, newest
from gateway.calibration.told import Instruments
from gateway.cli import gateway
from gateway.config import ThermometerSettings
from gateway.core.instrument import Calibration, Instrument, estimate
from gateway.errors import CalibrationRefused, SettingsRefused
from tests.gateway.journals import open_journal, stamp

BLACKBODY = [(3500, 3468), (3700, 3671), (3900, 3866)]
SETTINGS = """
compound = "c01"
gate = "east"
names = {{ zh = "东门", en = "East gate" }}
data_dir = "{folder}/data"
clock = "host"
[broker]
url = "mqtt://127.0.0.1:1883"
[seal]
public_key_file = "{folder}/seal.pub"
[[lane]]
name = "in1"
way = "in"
thermometers = ["t1"]
[[thermometer]]
name = "t1"
driver = "gy_mcu90614"
port = "sim://gy_mcu90614?rate_hz=100{port}"
{more}
"""


def points(*pairs, spread=3):
    return tuple(Point(reference, raw, spread) for reference, raw in pairs)


def people(count=12, shift=-90, noise=12, made_up=False, seed=4):
    """Foreheads against armpits, as ten or more people give them."""
    dice = random.Random(seed)
    bodies = [3600 + round(100 * n / (count - 1)) for n in range(count)]
    shown = [3610 if made_up else body + shift for body in bodies]
    return points(*((body, raw + dice.randint(-noise, noise))
                    for body, raw in zip(bodies, shown, strict=True)))  # fmt: skip


# --- What stands, and what does not ---------------------------------------------------------


def test_a_blackbody_gives_the_offset():
    found = fit(points(*BLACKBODY), "blackbody")
    assert (found.offset_centi_c, found.residual_centi_c) == (32, 3)
    assert found.slope == pytest.approx(0.995)
    assert fit(points(*BLACKBODY[:2]), "blackbody").offset_centi_c == 30


def test_a_field_comparison_gives_the_offset():
    found = fit(people(), "field")
    assert found.offset_centi_c == pytest.approx(90, abs=6)
    assert found.residual_centi_c <= 20
    assert 0 < found.slope_margin < 0.2


@pytest.mark.parametrize(
    ("what", "method", "given", "said"),
    [
        ("one temperature", "blackbody", points((3700, 3670)), "Too few points: 1, and 2"),
        ("nine people", "field", people(9), "Too few points: 9, and 10 people"),
        ("nothing", "blackbody", (), "Too few points: 0"),
        ("two nearly alike", "blackbody", points((3700, 3670), (3710, 3680)), "Too narrow"),
        ("ten alike", "field", points(*[(3650, 3560)] * 10), "Too narrow.*more people"),
        ("backwards", "blackbody", points((3500, 3900), (3900, 3500)), "Wrong slope: -1.00"),
        ("half as steep", "blackbody", points((3500, 3550), (3900, 3750)), "slope: 0.50"),
        ("too steep", "blackbody", points((3500, 3400), (3900, 3900)), "slope: 1.25.*lens"),
        ("a module that makes it up", "field", people(made_up=True), "makes up a body temperature"),
        ("people who hide it", "field", people(10, noise=90), "Unsure slope.*more people"),
        ("a spot that moved", "blackbody", points(*BLACKBODY, spread=31), "Point 3: unstable"),
        ("one slip", "field", (*people(14), Point(3650, 3460)), "Point 15 is 0.9.*again"),
        ("far off", "blackbody", points((3500, 3250), (3900, 3650)), "offset would be 2.50"),
        ("no blackbody's", "blackbody", points((350, 340), (390, 380)), "reference of 3.50"),
        ("no armpit's", "field", (*people(), Point(3000, 2910)), "Point 13: a reference of 30.00"),
        ("endless", "field", people(201), "Too many points: 201"),
    ],
)  # fmt: skip
def test_nonsense_is_refused_with_its_reason(what, method, given, said):
    with pytest.raises(CalibrationRefused, match=said):
        fit(given, method)


def test_everything_that_is_wrong_is_said_at_once():
    with pytest.raises(CalibrationRefused) as caught:
        fit((Point(3000, 2900, 99),), "field")
    for word in ("Too few", "Too narrow", "Point 1: unstable", "reference of 30.00"):
        assert word in str(caught.value)


@given(st.lists(st.tuples(st.integers(-9999, 9999), st.integers(-9999, 9999)), max_size=6))
def test_whatever_the_points_they_are_fitted_or_refused(pairs):
    with suppress(CalibrationRefused):
        found = fit(points(*pairs), "blackbody")
        assert abs(found.offset_centi_c) <= 200
        assert found.residual_centi_c <= 30


# --- Modules that make their values up ------------------------------------------------------

MODULES = {
    "honest": lambda raw, dice: raw,
    "keeps the decimals": lambda raw, dice: raw if raw >= 3600 else 3600 + raw % 100,
    "rolls a die": lambda raw, dice: dice.randint(3620, 3680),
    "halves": lambda raw, dice: 3600 + (raw - 3600) // 2,
}


def healthy(count, module, dice):
    """Armpits of the healthy to a tenth, and foreheads 0.9 below that differ by 0.15 from them."""
    bodies = [dice.gauss(36.6, 0.24) for _ in range(count)]
    return points(*((10 * round(10 * body + dice.gauss(0, 0.5)),
                     MODULES[module](round(100 * (body - 0.9 + dice.gauss(0, 0.15))), dice))
                    for body in bodies))  # fmt: skip


def accepted_pct(count, module, times=400):
    dice, found = random.Random(f"{count} {module}"), 0
    for _ in range(times):
        with suppress(CalibrationRefused):
            fit(healthy(count, module, dice), "field")
            found += 1
    return 100 * found / times


@pytest.mark.parametrize(
    ("module", "of_ten", "of_twenty"),
    [
        ("honest", (85, 96), (96, 100)),
        ("keeps the decimals", (8, 20), (1, 7)),
        ("rolls a die", (0, 6), (0, 1)),
        ("halves", (13, 26), (1, 8)),
    ],
)
def test_as_many_made_up_modules_get_through_as_the_guide_says(module, of_ten, of_twenty):
    for count, (low, high) in ((10, of_ten), (20, of_twenty)):
        assert low <= accepted_pct(count, module) <= high, count


@pytest.mark.parametrize("module", [name for name in MODULES if name != "honest"])
def test_a_blackbody_finds_every_one_of_them(module):
    for seed in range(50):
        seen = points(*((at, MODULES[module](at, random.Random(at + seed)))
                        for at in (3500, 3700, 3900)))  # fmt: skip
        with pytest.raises(CalibrationRefused):
            fit(seen, "blackbody")


# --- The command ----------------------------------------------------------------------------


@pytest.fixture
def gate(tmp_path):
    def make(port="", more=""):
        file = tmp_path / "gateway.toml"
        file.write_text(SETTINGS.format(folder=tmp_path, port=port, more=more), encoding="utf-8")
        return file

    return make


def calibrate(file, *more, typed=None, table=None, method="blackbody"):
    ask = ["calibrate", "--config", str(file), "--thermometer", "t1", "--method", method]
    if table is not None:
        noted = file.with_name("points.csv")
        noted.write_text(table, encoding="utf-8")
        ask += ["--points", str(noted), "--by", "李伟", "--against", "BX-500 no. 7"]
    return CliRunner().invoke(gateway, [*ask, *more], input=typed)


def test_points_measured_through_the_real_line(gate):
    ports = "".join(
        f"{reference},sim://gy_mcu90614?rate_hz=100&object={shown}\n"
        for reference, shown in ((35, 34.68), (37, 36.71), (39, 38.66))
    )
    done = calibrate(gate(), "--json", table="reference_c,port\n" + ports)
    assert done.exit_code == 0, done.output
    row = json.loads(done.stdout)
    assert row["offset_centi_c"] == pytest.approx(32, abs=4)
    assert row["expires_ms"] - row["made_ms"] == 14 * DAY_MS
    assert (row["by"], row["reference"], row["method"]) == ("李伟", "BX-500 no. 7", "blackbody")
    record = newest(gate().parent / "data")["t1"]
    assert record.name == row["name"]
    assert record.calibration == Calibration(row["name"], row["offset_centi_c"])


def test_points_that_were_noted_before(gate):
    table = "reference_c,raw_c\n" + "".join(f"{r / 100},{w / 100}\n" for r, w in BLACKBODY)
    done = calibrate(gate(), "--valid-days", "3", "--holds-from-c", "5", table=table)
    assert done.exit_code == 0, done.output
    assert "offset +0.32 °C" in done.stdout
    assert "Where ambient_centi_c is not set it judges nobody" in done.stdout
    (file,) = (gate().parent / "data" / "calibration").glob("*.json")
    record = msgspec.json.decode(file.read_bytes(), type=Record)
    assert record.expires_ms - record.made_ms == 3 * DAY_MS
    assert record.box_ambient_centi_c_min == 500
    drawing = ET.parse(file.with_suffix(".svg")).getroot()
    assert len(drawing.findall(".//{*}circle")) == 2 * 3 + 2, "before and after, and the legend"
    assert "BX-500" in "".join(drawing.itertext())


def test_an_installer_is_led_through_it(gate):
    done = calibrate(
        gate(port="&object=36.5"), typed="李伟\nBX-500\n36,8\nwarm\n39.9\n\n", method="blackbody"
    )
    assert done.exit_code == 1
    for word in ("Who calibrates", "on for 30 minutes", "1. 黑体", "off by -0", "no temperature"):
        assert word in done.stderr
    assert "Point 2 is 1.5" in done.stderr, "the same source for two temperatures"
    assert not (gate().parent / "data" / "calibration").exists()


def test_people_are_measured_by_the_gates_own_windows(gate):
    """A face comes and goes: one window is one point, as at the gate."""
    bodies = [f"{36 + n / 10:.1f}" for n in range(10)]
    ports = "".join(
        f"{body},sim://gy_mcu90614?rate_hz=60&every_s=1&for_s=0.7&object={float(body) - 0.9:.2f}\n"
        for body in bodies
    )
    done = calibrate(gate(), "--json", table="reference_c,port\n" + ports, method="field")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["offset_centi_c"] == pytest.approx(87, abs=5)


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("reference_c,raw_c\n35,thirty\n", "point 1: 'thirty' is no temperature"),
        ("reference_c,raw_c\n999,35\n", "'999' is no temperature"),
        ("a,b\n1,2\n", "the first line names the columns"),
        ("", "the first line names the columns"),
        ("reference_c,port\n35,sim://nothing\n", "gives no sample"),
        ("reference_c,port\n35,sim://gy_mcu90614?fault=unplug\n", "plug"),
        ("reference_c,raw_c\n35\n", "gives no sample|is no temperature|Too few"),
    ],
)
def test_a_table_that_makes_no_sense_is_said(gate, table, said):
    done = calibrate(gate(port="&fault=unplug"), table=table)
    assert done.exit_code == 1, done.output
    assert re.search(said, done.stderr), done.stderr
    assert "Not calibrated" in done.stderr


@pytest.mark.parametrize(
    ("more", "name", "said"),
    [
        ("vendor_compensated = true", "t1", "makes up a body temperature"),
        ("", "t9", "'t9': there is none; there are: t1"),
    ],
)
def test_what_cannot_be_calibrated_is_wrong_use(gate, more, name, said):
    ask = ["calibrate", "--config", str(gate(more=more)), "--thermometer", name,
           "--method", "field"]  # fmt: skip
    done = CliRunner().invoke(gateway, ask)
    assert done.exit_code == 2
    assert said in done.stderr


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--holds-from-c", "30", "--holds-to-c", "10"), "it would hold nowhere"),
        (("--holds-from-c", "10", "--holds-to-c", "10"), "it would hold nowhere"),
        (("--holds-from-c", "nan"), "'nan' is no number"),
        (("--holds-to-c", "nan"), "'nan' is no number"),
        (("--ambient-c", "nan"), "'nan' is no number"),
        (("--ambient-c", "5000"), "not in the range"),
        (("--ambient-c=-inf",), "not in the range"),
        (("--valid-days", "nan"), "'nan' is no number"),
    ],
)
def test_an_option_that_makes_no_sense_is_wrong_use(gate, more, said):
    done = calibrate(gate(), *more, table="reference_c,raw_c\n35,34.7\n39,38.7\n")
    assert done.exit_code == 2, done.output
    assert said in done.stderr
    assert not (gate().parent / "data" / "calibration").exists()


def test_without_a_date_nothing_is_calibrated(gate, monkeypatch):
    from gateway import clock  # noqa: PLC0415

    file = gate()
    file.write_text(file.read_text(encoding="utf-8").replace('clock = "host"\n', ""), "utf-8")
    monkeypatch.setattr(clock, "kernel_clock", lambda: "unset")
    done = calibrate(file, table="reference_c,raw_c\n35,35\n37,37\n")
    assert done.exit_code == 2
    assert "The clock is not set" in done.stderr


# --- The gate takes it up -------------------------------------------------------------------


def kept(gate):
    table = "reference_c,raw_c\n" + "".join(f"{r / 100},{w / 100}\n" for r, w in BLACKBODY)
    assert calibrate(gate(), table=table).exit_code == 0
    return gate().parent / "data"


LINE = ThermometerSettings(name="t1", driver="gy_mcu90614", port="sim://gy_mcu90614")


def test_the_gate_loads_it_tells_the_core_and_says_when_it_expires(gate):
    where = kept(gate)
    record = newest(where)["t1"]
    found = Instruments(where, [LINE, msgspec.structs.replace(LINE, name="t2")])
    told = found.news(record.made_ms)
    assert [(one.device, one.instrument) for one in told] == [
        ("t1", Instrument(record.calibration)),
        ("t2", Instrument()),
    ]
    assert found.news(record.expires_ms - 1) == []
    (expired,) = found.news(record.expires_ms)
    assert expired.instrument.flags == ("calibration_expired",)
    assert found.news(record.expires_ms + DAY_MS) == []


def test_a_calibration_follows_the_device_not_its_name(gate, caplog):
    where, journal = kept(gate), open_journal()
    other = msgspec.structs.replace(LINE, driver="optris")
    found = Instruments(where, [other])
    (told,) = found.news(0)
    assert told.instrument == Instrument(), "uncalibrated, and the screen says so"
    assert found.first_used(journal.since) == []
    journal.close()
    (line,) = caplog.records
    assert "'optris'" in line.GATE_REASON
    assert "was made with 'gy_mcu90614' and is not used" in line.GATE_REASON


def test_checking_the_settings_says_that_a_calibration_is_another_drivers(gate):
    kept(gate)
    file = gate()
    (file.parent / "seal.pub").write_bytes(bytes(PrivateKey.generate().public_key))
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace('driver = "gy_mcu90614"', 'driver = "optris"'), "utf-8")
    done = CliRunner().invoke(gateway, ["check", "--config", str(file)])
    assert done.exit_code == 0, done.output
    assert "calibrate anew" in done.stderr


@pytest.mark.parametrize(
    ("box", "ambient", "found"),
    [
        ((-2000, 5000), None, 3682),
        ((-5000, 6000), None, 3682),
        ((500, 5000), None, "colder"),
        ((-2000, 3000), None, "hotter"),
        ((500, 3000), 2000, 3682),
        ((500, 3000), 499, "colder"),
    ],
)
def test_air_that_nobody_tells_may_be_outside_the_box(box, ambient, found):
    low, high = box
    tool = Instrument(
        Calibration("x", 32, box_ambient_centi_c_min=low, box_ambient_centi_c_max=high)
    )
    assert estimate(3650, ambient, None, tool) == found


def test_its_first_use_is_an_entry_and_who_made_it_is_sealed(gate):
    where, journal = kept(gate), open_journal()
    found = Instruments(where, [LINE])
    (entry,) = found.first_used(journal.since)
    assert isinstance(entry.body, contract.Calibrated)
    assert (entry.body.device, entry.body.offset_centi_c, entry.body.points) == ("t1", 32, 3)
    assert "李伟" not in contract.encode(entry.body).decode() + repr(entry) + repr(newest(where))
    assert entry.sealed == contract.SealedCalibration(by="李伟", reference="BX-500 no. 7")
    journal.append([entry], stamp(1))
    assert Instruments(where, [LINE]).first_used(journal.since) == []
    journal.close()


def test_the_newest_counts_and_none_is_overwritten(gate):
    where = kept(gate)
    first = newest(where)["t1"]
    later = msgspec.structs.replace(first, made_ms=first.made_ms + 5000, offset_centi_c=7)
    from gateway.calibration.record import keep  # noqa: PLC0415

    keep(where, later, "<svg/>")
    assert newest(where)["t1"].offset_centi_c == 7
    assert len(list((where / "calibration").glob("*.json"))) == 2


@pytest.mark.parametrize("text", ["{", '{"device": "t1"}', '{"offset_centi_c": 9999}', "\0"])
def test_a_file_that_is_not_understood_is_refused_and_named(tmp_path, text):
    (tmp_path / "calibration").mkdir()
    (tmp_path / "calibration" / "t1-x.json").write_text(text)
    with pytest.raises(SettingsRefused, match=r"t1-x\.json.*calibrate anew"):
        Instruments(tmp_path, [LINE])
