"""The simulated world holds the design's laws, at its bars, and catches what is planted."""

from collections import Counter

import pytest
from click.testing import CliRunner

from tests.world import cases, checker, run
from tests.world.plant import BUGS, Bug
from tests.world.run import Total, main
from tests.world.truth import TruthLog
from tests.world.world import Outcome, Plan, run_world

SLICES = 24
"""Short enough that the last one does not leave the other cores with nothing to do."""


@pytest.mark.slow
@pytest.mark.parametrize("nth", range(SLICES))
def test_a_part_of_a_hundred_thousand_passages(nth, record_property):
    """All laws held, every hard case present, the bars met: at 60 vehicles an hour."""
    done = run_world(Plan(100_000 // SLICES, 20_200_211 + nth))
    record_property("world", {"cases": dict(done.cases), "figures": dict(done.figures)})
    total = Total()
    total.add(done)
    assert not total.broken, "\n".join(total.broken)
    assert not total.missing_cases()
    assert not total.missed_bars()


@pytest.mark.parametrize("rate_h", [20.0, 240.0])
def test_nothing_is_joined_wrongly_at_other_rates(rate_h):
    done = run_world(Plan(1500, 7, rate_h=rate_h))
    assert not done.broken, "\n".join(done.broken)
    assert done.figures["pairs joined"] > 0


@pytest.mark.parametrize(
    ("figures", "missed"),
    [
        ({"pairs joined": 950, "referrals needless": 50}, ""),
        ({"pairs joined": 949}, "MISSED joined 94.90 %, at least 95 wanted"),
        ({"referrals needless": 51}, "MISSED needless referrals 5.10 %, at most 5 wanted"),
        ({"wrong joins": 1}, "MISSED wrong joins and plates 1, none wanted"),
        ({"wrong plates": 1}, "MISSED wrong joins and plates 1, none wanted"),
    ],
)
def test_a_bar_that_is_not_met_fails_the_run(monkeypatch, figures, missed):
    met = {"true pairs": 1000, "pairs joined": 1000, "passages measured": 1000}
    found = Outcome(
        Plan(1, 1), [], Counter(), Counter(cases.REQUIRED), Counter(met | figures),
        most={}, digest="", cpu_s=1.0, world_s=1.0,
    )  # fmt: skip
    monkeypatch.setattr(run, "run_all", lambda *_: [found])
    done = CliRunner().invoke(main)
    assert done.exit_code == bool(missed)
    assert missed in done.stderr


@pytest.mark.parametrize(
    "words", [("--rate", "0"), ("--rate", "nan"), ("--passages", "-1"), ("--jobs", "0")]
)
def test_what_makes_no_world_is_refused(words):
    assert CliRunner().invoke(main, words).exit_code == 2


def test_the_same_seed_gives_the_same_day():
    first, again = (run_world(Plan(600, 11)) for _ in range(2))
    other = run_world(Plan(600, 12))
    assert first.digest == again.digest
    assert first.figures == again.figures
    assert first.digest != other.digest


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.what)
def test_the_checker_catches_a_planted_bug(bug: Bug):
    plan = Plan(bug.passages, 5, hard_share=0.5 if bug.only else 0.1, only=bug.only)
    assert not run_world(plan).broken, "the world must be sound before anything is planted"
    with bug.planted():
        broken = run_world(plan)
    assert broken.broken_by_law[bug.law], f"{bug.what}: only {broken.broken_by_law}"


def test_every_hard_case_is_among_the_required():
    """The issue's list is the runner's list; none is dropped without a test saying so."""
    assert len(cases.REQUIRED) == 12


def test_the_checker_knows_its_calendar():
    assert checker.day_of(1_581_328_800_000) == "2020-02-10"
    assert checker.day_of(1_581_350_399_999) == "2020-02-10"
    assert checker.day_of(1_581_350_400_000) == "2020-02-11"
    assert checker.day_of(1_582_992_000_000) == "2020-03-01"


def test_the_checker_smells_what_is_personal():
    assert checker.is_personal("鲁M12345".encode())
    assert checker.is_personal(b'{"raw_centi_c":3650}')
    assert not checker.is_personal(b'{"lane":"in1","result":"NORMAL"}')


def test_the_checker_misses_no_lost_and_no_doubled_row():
    for held in ([], [("s/1", b"a"), ("s/1", b"a")], [("s/1", b"b")]):
        verdict = checker.Checker(TruthLog(0), [], [], 0.0).check()
        checker.compare_entries(verdict, [("s/1", b"a")], held)
        assert verdict.broken_by_law[2]
