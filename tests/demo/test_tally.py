"""The comparison itself: each way in which three counts can differ is seen and said."""

import sqlite3
from collections import Counter
from types import SimpleNamespace

import pytest

from demo import run
from demo.tally import Held, Verdict, read_journals, read_ledger
from demo.traffic import visits
from gateway import contract
from gateway.core.events import Record
from gateway.journal.journal import Journal, Stamp

A, B, C = ("a" * 32, 1), ("a" * 32, 5), ("b" * 32, 1)


def held(*refs, compound="c01"):
    return Held(passages={compound: set(refs)}, entries=len(refs), decisions=Counter(admit=1))


def verdict(expected, recorded, ledger, counted):
    return Verdict({"c01": expected}, recorded, ledger, {"c01": counted})


@pytest.mark.parametrize(
    ("found", "lost", "double", "told"),
    [
        (verdict(2, held(A, B), held(A, B), 2), 0, 0, ""),
        (verdict(3, held(A, B), held(A, B), 2), 0, 0, "3 came, 2 recorded, 2 counted"),
        (verdict(2, held(A, B), held(A), 1), 1, 0, "not in the ledger"),
        (verdict(2, held(A, B), held(A, B), 3), 0, 1, "counted more than once"),
        (verdict(2, held(A, B), held(A, B, C), 2), 0, 1, "counted more than once"),
        # One lost and one doubled leave the totals equal: they are told all the same.
        (verdict(2, held(A, B), held(A, C), 2), 1, 1, "not in the ledger"),
    ],
)
def test_each_way_of_differing_is_told(found, lost, double, told):
    assert (found.lost(), found.double()) == (lost, double)
    assert told in " ".join(found.disagreements())
    assert bool(found.disagreements()) == bool(told)


def test_a_compound_that_only_one_side_knows_is_told():
    found = Verdict({"c01": 1}, held(A), held(A), {"c01": 1, "c02": 1})
    assert "c02: 0 came, 0 recorded, 1 counted" in found.disagreements()


def test_a_restart_may_make_two_passages_of_one_vehicle_and_no_more():
    cut = held(A, B)
    cut.interrupted["c01"] = 1
    assert not verdict(1, cut, held(A, B), 2).disagreements()
    assert not verdict(2, cut, held(A, B), 2).disagreements()
    assert "0 came, 2 recorded" in " ".join(verdict(0, cut, held(A, B), 2).disagreements())
    assert "3 came, 2 recorded" in " ".join(verdict(3, cut, held(A, B), 2).disagreements())


def test_journals_are_read_as_they_were_written(tmp_path):
    path = tmp_path / "journal.db"
    streams = iter(["1" * 32, "2" * 32])
    stamp = Stamp(at_ms=1, mono_ms=1, clock="ntp")
    for decision in ("admit", "refer"):
        journal = Journal.open(
            path, compound="c01", gate="east", boot="b", version="0", seal=bytes,
            new_stream=lambda: next(streams),
        )  # fmt: skip
        opened = contract.Opened(lane="in1", way="in", traveller="vehicle", witness="track")
        advice = contract.Decided(decision="recheck", revision=1)
        decided = contract.Decided(decision=decision, revision=2)
        records = [Record(body, 7) for body in (opened, advice, decided)]
        journal.append(records, stamp)
        journal.close()
    found = read_journals({"c01": path})
    assert found.by_compound() == {"c01": 2}
    assert found.every() == {("1" * 32, 2), ("2" * 32, 2)}
    assert found.decisions == Counter(admit=1, refer=1)
    assert found.entries == 8


def test_a_missing_ledger_is_an_error_and_not_a_zero(tmp_path):
    with pytest.raises(sqlite3.OperationalError):
        read_ledger(tmp_path / "ledger.db")


def test_it_has_settled_only_when_the_ledger_holds_every_entry(monkeypatch):
    """A passage's first entry may be there before its last."""
    passages = {"c01": {A}}
    recorded, early = Held(passages, entries=5), Held(passages, entries=4)
    ledgers = iter([early, recorded])
    monkeypatch.setattr(run, "read_journals", lambda _: recorded)
    monkeypatch.setattr(run, "read_ledger", lambda _: next(ledgers))
    monkeypatch.setattr(
        run, "settings",
        SimpleNamespace(journals=id, ledger=id, summary=lambda _: recorded.by_compound()),
    )  # fmt: skip
    run.Demo(None)._settle(None, SimpleNamespace(watch=lambda: None))
    assert next(ledgers, None) is None, "it did not wait for the last entry"


def test_the_same_seed_brings_the_same_travellers():
    def first(seed):
        coming = visits(seed, "in1", measured=True, pictures=())
        return [next(coming) for _ in range(200)]

    assert first("a") == first("a")
    assert first("a") != first("b")
    kinds = Counter(visit.traveller for visit in first("a"))
    assert kinds["bicycle"] > 0
    assert any(not visit.plated and visit.traveller == "vehicle" for visit in first("a"))
    health = Counter(person.health for visit in first("a") for person in visit.persons)
    assert min(health[kind] for kind in ("well", "warm", "feverish")) > 0
