"""The judges themselves: a loss, a double, a wrong day and a false word do not get past them."""

import random
import sqlite3
from contextlib import closing, suppress

import pytest

from central.ledger import Ledger
from gateway import contract
from gateway.core.events import Record
from tests.faults import evidence, leaves
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


def verdict(files, total=10, may_be_gone=evidence.nothing):
    recorded = Recorded()
    recorded.add(evidence.journal_rows(files / "journal.db"))
    held = Held(files / "ledger.db")
    summary = {"total": total, "rows": 40, "distinct": 40}
    return judge(recorded, held, summary, may_be_gone)


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
    found = verdict(files, may_be_gone=lambda ref: ref[1] == 5)
    assert (found.lost, found.named, found.wrong) == (0, 1, [])


def test_what_the_harm_cannot_have_taken_may_not_be_named_as_lost(files):
    tamper(files, "DELETE FROM entry WHERE key & 255 = 5")
    tamper(files, "INSERT INTO lost VALUES (1, 5, 5, 'torn', 0)")
    found = verdict(files, may_be_gone=lambda ref: ref[1] == 9)
    assert (found.lost, found.named) == (0, 1)
    assert found.wrong == ["1 entries are named as lost that the harm cannot have taken"]


def test_a_gate_that_saved_nothing_of_a_torn_journal_does_not_get_past(files):
    """It says that it could read nothing, by which all that is not there is perhaps missing."""
    recorded = evidence.journal_rows(files / "journal.db")
    tamper(files, "DELETE FROM entry WHERE kind = 'closed'")
    tamper(
        files,
        "INSERT INTO stream (id, compound, gate, before, before_last, salvaged)"
        f" VALUES ('{'f' * 32}', 'c01', 'east', '{recorded[0].stream}', 0, 1)",
    )
    found = verdict(files, may_be_gone=lambda ref: ref[1] in {5, 9})
    assert (found.lost, found.unsure) == (0, 10)
    assert any("that the harm cannot have taken" in told for told in found.wrong)


@pytest.mark.parametrize("stream", [1, 2])
def test_what_nobody_ever_recorded_may_not_be_named_as_lost(files, stream):
    tamper(
        files,
        f"INSERT INTO stream (no, id, compound, gate) VALUES (2, '{'f' * 32}', 'c01', 'east')",
    )
    tamper(files, f"INSERT INTO lost VALUES ({stream}, 1000, {2**40 - 1}, 'pruned', 0)")
    found = verdict(files)
    assert (found.lost, found.named) == (0, 0)
    assert "were never recorded" in found.wrong[0]


def test_what_stood_on_the_card_for_a_moment_only_may_be_named_as_lost(files):
    tamper(files, "INSERT INTO lost VALUES (1, 42, 45, 'torn', 0)")
    assert verdict(files, may_be_gone=lambda ref: 42 <= ref[1] <= 45).wrong == []
    assert verdict(files, may_be_gone=lambda ref: 42 <= ref[1] <= 44).wrong


def test_what_is_in_the_ledger_may_not_be_named_as_lost(files):
    tamper(files, "INSERT INTO lost VALUES (1, 5, 6, 'pruned', 0)")
    assert verdict(files).wrong == ["2 entries are named as lost and are in the ledger"]


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


def test_noise_on_a_page_takes_the_entries_that_lie_on_it_and_no_others(tmp_path):
    path = tmp_path / "journal.db"
    journal = journals.open_journal(path)
    journals.fill(journal, 400)
    long = contract.PlateSeen(status="read")
    sealed = contract.SealedPlate(text="京" * 4000)
    (spread,) = journal.append([Record(long, 1, sealed)], journals.stamp(999))
    journal.close()
    lies_on = leaves.pages_of(path)
    assert len(lies_on) == spread.seq
    assert len(lies_on[spread.stream, spread.seq]) == 3
    rows, whole = read(path, lies_on), path.read_bytes()
    for page in set().union(*lies_on.values()):
        noise = random.Random(page).randbytes(4096)
        path.write_bytes(whole[: (page - 1) * 4096] + noise + whole[page * 4096 :])
        gone = {ref for ref, pages in lies_on.items() if page in pages}
        whole_yet = {ref for ref, row in read(path, lies_on).items() if row == rows[ref]}
        assert whole_yet == lies_on.keys() - gone


def read(path, refs):
    """Read entries of the first stream as SQLite itself reads them, each alone."""
    found = {}
    with evidence.read_only(path) as db:
        for ref in refs:
            with suppress(sqlite3.DatabaseError):
                found[ref] = db.execute("SELECT * FROM entry WHERE id = ?", ref[1:]).fetchone()
    return found


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
