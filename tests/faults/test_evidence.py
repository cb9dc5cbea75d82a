"""The judges themselves: a loss, a double, a wrong day and a false word do not get past them."""

import sqlite3
from contextlib import closing

import pytest

from central.ledger import Ledger
from tests.faults import evidence
from tests.faults.evidence import Held, Recorded, judge
from tests.faults.watcher import LATE_MS, SLACK_MS, Said, untrue
from tests.gateway import journals

PLACE = ("c01", "east")
DAY = "2026-02-11"


@pytest.fixture
def files(tmp_path):
    """A journal of ten passages, and a ledger that holds them."""
    journal = journals.open_journal(tmp_path / "journal.db")
    made = journals.fill(journal, 40)
    journal.close()
    with closing(Ledger.open(tmp_path / "ledger.db")) as ledger:
        start = evidence.journal_rows(tmp_path / "journal.db")[0]
        assert start.kind == "started"
        ledger.absorb(*PLACE, made, 1_600_000_000_000)
    return tmp_path


def verdict(files, total=10):
    recorded = Recorded()
    recorded.add(evidence.journal_rows(files / "journal.db"))
    held = Held(files / "ledger.db")
    return judge(recorded, held, {"total": total, "rows": 40, "distinct": 40})


def tamper(files, sql):
    with closing(sqlite3.connect(files / "ledger.db")) as db, db:
        assert db.execute(sql).rowcount > 0


def test_what_is_as_it_was_is_well(files):
    found = verdict(files)
    assert (found.recorded, found.counted, found.passages) == (found.counted, found.recorded, 10)
    assert (found.lost, found.double, found.wrong) == (0, 0, [])
    assert found.compounds == {"c01": 10}


def test_an_entry_that_is_gone_is_lost(files):
    tamper(files, "DELETE FROM entry WHERE kind = 'closed' AND key & 255 = 5")
    found = verdict(files)
    assert (found.lost, found.named) == (1, 0)


def test_what_central_says_is_lost_is_named_and_not_lost(files):
    tamper(files, "DELETE FROM entry WHERE key & 255 = 5")
    tamper(files, "INSERT INTO lost VALUES (1, 5, 5, 'pruned', 0)")
    found = verdict(files)
    assert (found.lost, found.named) == (0, 1)


def test_an_entry_that_nobody_recorded_is_a_double(files):
    tamper(files, "UPDATE entry SET key = key + 1000 WHERE kind = 'closed' AND key & 255 = 5")
    found = verdict(files)
    assert (found.lost, found.double) == (1, 1)


def test_a_counter_that_ran_ahead_is_a_double(files):
    tamper(files, "UPDATE counter SET passages = passages + 2")
    found = verdict(files, total=12)
    assert found.double == 2
    assert "passages 10 but 12 counted" in found.wrong[0]


def test_a_passage_on_another_day_is_wrong(files):
    tamper(files, "UPDATE counter SET day = '2020-01-01'")
    assert verdict(files).wrong


def test_another_content_of_the_same_name_is_wrong(files):
    tamper(
        files, "UPDATE entry SET open = CAST('{}' AS BLOB) WHERE kind = 'closed' AND key & 255 = 5"
    )
    assert "held otherwise" in verdict(files).wrong[0]


def said(at_ms, passages, *, heard=True, waiting=0, told_ms=0, unknown=0):
    return Said(PLACE, at_ms, DAY, heard, waiting, 0, passages, unknown, told_ms)


ARRIVALS = {PLACE: [(1_000_000, DAY), (2_000_000, DAY)]}


@pytest.mark.parametrize(
    ("word", "fault"),
    [
        (said(2_000_000 + LATE_MS, 2), None),
        (said(2_000_000 + LATE_MS, 3), "more than there were"),
        (said(2_000_000 - SLACK_MS - 1, 2), "more than there were"),
        (said(2_000_000 + LATE_MS, 1), "called complete with 1 of 2"),
        (said(2_000_000 + LATE_MS, 1, unknown=1), None),
        (said(2_000_000 + LATE_MS, 1, waiting=3), None),
        (said(2_000_000 + LATE_MS, 1, heard=False), None),
        (said(2_000_000 + SLACK_MS, 1), None),
        (said(2_000_000 + SLACK_MS, 1, told_ms=2_000_000 + SLACK_MS), "complete with 1 of 2"),
        (said(1_500_000, None), "has no figures"),
        (said(1_500_000, None, heard=False), None),
    ],
)
def test_a_feed_is_held_to_its_word(word, fault):
    found = untrue([word], ARRIVALS, {})
    assert (fault in found[0]) if fault else found == []


def test_a_gate_that_nobody_could_hear_is_not_heard():
    silences = {PLACE: [(3_000_000, 3_000_000 + 3 * LATE_MS)]}
    late = said(3_000_000 + 2 * LATE_MS, 2)
    assert "called heard" in untrue([late], ARRIVALS, silences)[0]
    assert untrue([said(3_000_000 + SLACK_MS, 2)], ARRIVALS, silences) == []
