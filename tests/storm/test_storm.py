"""The world under faults holds the design's laws, replays exactly, and shrinks what it finds."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.storm.day import GATES, PASSAGES, Plan, run_day
from tests.storm.nemesis import ACTIONS
from tests.storm.plant import BUGS, Bug
from tests.storm.run import Total
from tests.storm.shrink import shrink, told

ROOT = Path(__file__).parents[2]
DAYS = 313
"""Days of 320 passages: 100,000."""
SLICES = 40
"""Of eight days each: some 5 s on a free machine, and still under the bound of a test on one that
gives it a fifteenth of a core."""
FIRST = 20_200_211


def storm(*arguments: str) -> Any:
    """Run the command in a process of its own, and give what it prints as JSON."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.storm", *arguments, "--json"],
        cwd=ROOT, env={**os.environ, "PYTHONHASHSEED": "4242", "PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def bare(bug: Bug) -> Plan:
    """Give a day with a bug's faults alone."""
    return Plan(5, passages=16, only=bug.actions)


@pytest.mark.slow
@pytest.mark.parametrize("nth", range(SLICES))
def test_every_law_holds_whatever_goes_wrong(nth, record_property):
    total = Total()
    for day in range(nth, DAYS, SLICES):
        total.add(run_day(Plan(FIRST + day)))
    record_property("storm", total.report(0.0))
    assert not total.broken, "\n".join(told(shrink(one.plan)) for one in total.broken[:2])
    assert total.figures["passages counted"] > 0.7 * total.days * GATES * PASSAGES


def test_the_same_seed_gives_the_same_day():
    first, again, other = (run_day(Plan(seed, passages=12)) for seed in (11, 11, 12))
    assert (first.digest, first.log, first.figures) == (again.digest, again.log, again.figures)
    assert first.digest != other.digest


def test_the_same_seed_gives_the_same_day_in_another_process():
    """In each process with hashes of its own, so that no order of a set is left to chance."""
    here, there = run_day(Plan(7)), storm("--one", "--seed", "7")
    assert there["digest"] == here.digest
    assert there["figures"] == dict(here.figures)


def test_days_on_several_cores_come_to_the_same_as_one_by_one():
    whole = storm("--passages", "640", "--seed", "5")
    total = Total()
    for seed in (5, 6):
        total.add(run_day(Plan(seed)))
    assert (whole["fault_days"], whole["next_seed"]) == (2, 7)
    assert whole["figures"] == total.report(0.0)["figures"]


def test_a_day_with_nothing_wrong_counts_everything():
    done = run_day(Plan(3, passages=10, only=()))
    assert not done.broken
    assert done.figures["passages counted"] > 0
    assert done.figures["entries destroyed"] == done.figures["entries LOST"] == 0
    assert done.figures["entries recorded"] == done.figures["entries counted"]


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.what)
def test_the_checkers_catch_a_planted_bug(bug: Bug):
    sound = run_day(bare(bug))
    assert not sound.broken, f"must be sound before anything is planted: {sound.broken}"
    with bug.planted():
        broken = run_day(bare(bug)).broken
    assert any(bug.says in what for what in broken), f"{bug.what}: only {broken}"


def test_a_broken_day_is_shrunk_to_what_it_takes():
    """Deleting on the broker's word: one bad link is enough, and the trace says so."""
    bug = next(one for one in BUGS if one.what == "delete on PUBACK")
    with bug.planted():
        seed = next(seed for seed in range(50, 90) if run_day(Plan(seed, passages=8)).broken)
        whole = Plan(seed, passages=8)
        small = shrink(whole)
        assert small.broken
        assert small.plan.keep is not None
        assert len(small.plan.keep) < len(whole.drawn())
        assert run_day(small.plan).digest == small.digest
    text = told(small)
    assert f"--seed {seed} --keep" in text
    assert len(text.splitlines()) < 24


def test_every_fault_is_drawn_in_so_many_days():
    drawn = {action.what for day in range(DAYS) for action in Plan(FIRST + day).drawn()}
    assert drawn == set(ACTIONS)
