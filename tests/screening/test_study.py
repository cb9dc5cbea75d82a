"""The population study: a seeded slice must reach the bars, and the population be the published."""

import json
from itertools import pairwise
from random import Random
from statistics import fmean, stdev
from xml.etree import ElementTree as ET

import pytest
from click.testing import CliRunner

from gateway.cli import gateway
from gateway.core.limits import Limits
from gateway.plot import ticks
from gateway.study.figures import rows
from gateway.study.population import FOREHEADS, draw
from gateway.study.rules import gatepost

PEOPLE, SEED = 1500, 7


@pytest.fixture(scope="module")
def found():
    return {
        (row.rule, row.fever, row.minutes): row
        for row in rows(PEOPLE, SEED, (0, 5, 30, 60))
    }  # fmt: skip


@pytest.mark.parametrize(("minutes", "mean_c", "sd_c"), FOREHEADS)
def test_the_foreheads_are_those_that_were_published(minutes, mean_c, sd_c):
    rng = Random(3)
    seen = [draw(rng, None).forehead_c(minutes) for _ in range(4000)]
    assert fmean(seen) == pytest.approx(mean_c, abs=0.07)
    assert stdev(seen) == pytest.approx(sd_c, rel=0.05)


@pytest.mark.parametrize("minutes", [5, 30, 60])
def test_from_five_minutes_on_the_bars_are_reached(found, minutes):
    row = found["gatepost", "added", minutes]
    assert row.sensitivity_pct >= 95
    assert row.judged_pct >= 80
    assert row.healthy_passed_pct >= 90


def test_in_the_cold_nobody_is_judged_and_nobody_is_lost(found):
    row = found["gatepost", "added", 0]
    assert row.judged_pct == 0
    assert row.loads[0].to_shelter == 6500
    assert row.sensitivity_pct >= 95, "who was sheltered is judged then"
    assert row.healthy_passed_pct >= 90


def test_the_shares_judged_and_settled_are_those_of_the_healthy(found):
    """As the record says: they come out the same whatever the fevers are."""
    for minutes in (5, 30, 60):
        added, guan = (found["gatepost", fever, minutes] for fever in ("added", "guan"))
        assert (added.judged_pct, added.settled_pct) == (guan.judged_pct, guan.settled_pct)


def test_low_fevers_need_half_an_hour(found):
    """What cannot be had: half of Guan's fevers are below 38, and 5 minutes hide half a degree."""
    by_wait = [found["gatepost", "guan", minutes].sensitivity_pct for minutes in (5, 30, 60)]
    assert by_wait == sorted(by_wait)
    assert 85 < by_wait[0] < 95 < by_wait[2]


def test_no_outward_alarm_is_unconfirmed(found):
    for (rule, *_), row in found.items():
        if rule == "gatepost":
            assert row.unconfirmed_outward == 0
    assert found["fixed", "added", 5].unconfirmed_outward > 0


def test_the_fixed_threshold_is_as_blind_as_it_was_reckoned(found):
    """The reference's own arithmetic: 6 % at once, 80 % after five minutes."""
    assert found["fixed", "added", 0].sensitivity_pct == pytest.approx(6, abs=3)
    assert found["fixed", "added", 5].sensitivity_pct == pytest.approx(80, abs=4)
    for minutes in (0, 5, 30):
        ours, theirs = (found[rule, "guan", minutes] for rule in ("gatepost", "fixed"))
        assert ours.sensitivity_pct > theirs.sensitivity_pct + 10
        assert ours.loads[1].outward_alarms < 40


def test_alarms_rise_with_the_prevalence(found):
    for row in found.values():
        for low, high in pairwise(row.loads):
            assert low.outward_alarms <= high.outward_alarms


def test_who_is_sent_to_shelter_waits_there():
    rng = Random(5)
    person = draw(rng, None)
    outcome = gatepost(person, 0, Limits(), rng)
    assert outcome.first == "INVALID_COLD"
    assert outcome.readings >= 2


def test_the_command_prints_draws_and_repeats_itself(tmp_path):
    picture = tmp_path / "study.svg"
    ask = ["study", "--people", "100", "--seed", "5", "--json"]
    once = CliRunner().invoke(gateway, [*ask, "--plot", str(picture)])
    assert once.exit_code == 0, once.output
    assert once.output == CliRunner().invoke(gateway, ask).output
    lines = [json.loads(line) for line in once.output.splitlines()]
    assert {row["rule"] for row in lines} == {"gatepost", "fixed"}
    drawing = ET.parse(picture).getroot()
    assert len(drawing.findall("{*}g")) == 4
    table = CliRunner().invoke(gateway, ask[:-1]).output.splitlines()
    assert len(table) == 2 + len(lines)


@pytest.mark.parametrize("name", ["study.png", "none/study.svg"])
def test_where_nothing_can_be_drawn_is_said_before_anybody_is_sent(tmp_path, name):
    done = CliRunner().invoke(gateway, ["study", "--plot", str(tmp_path / name)])
    assert (done.exit_code, done.stdout) == (2, "")


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0, 60, [0, 20, 40, 60]),
        (36.2, 36.9, [36.2, 36.4, 36.6, 36.8]),
        (0, 100, [0, 20, 40, 60, 80, 100]),
    ],
)
def test_ticks_are_round(low, high, expected):
    assert ticks(low, high) == expected
