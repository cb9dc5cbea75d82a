"""Every index that the ledger and the journal pay for with writes is one that a query uses."""

from central import asking, feeds, picture
from central.asking import Asking
from central.config import read
from central.hearing import Hearing
from central.ledger import Ledger
from gateway.contract import ClockJumped, Hello, Lost
from gateway.journal import opening
from tests.central import places
from tests.central.gates import T0, Stream


def indexes(db):
    rows = db.execute("SELECT name FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL")
    return {name for (name,) in rows if "_sqlite" not in name}


def test_the_journal_has_no_index_beside_its_one_tree(tmp_path):
    """An index costs a card 4.7 KB more for each entry; see `./gatepost bench wear`."""
    connection, *_ = opening.connect(tmp_path / "journal.db")
    tables = {"entry", "stream", "lost", "salvaged"}
    rows = connection.execute("SELECT tbl_name, name FROM sqlite_master WHERE type = 'index'")
    assert [name for table, name in rows if table in tables] == []
    connection.close()


def test_every_index_of_the_ledger_is_used_by_what_the_centre_asks(tmp_path):
    path = places.settings(tmp_path)
    _, site = read(path)
    ledger = Ledger(tmp_path / "ledger.db")
    asked: set[str] = set()
    ledger.db.set_trace_callback(asked.add)
    first = Stream()
    first.alert()
    first.passage()
    second = Stream(before=first)
    second.put(_jump())
    for stream in (first, second):
        ledger.absorb("c01", "east", stream.entries, T0)
    lost = Lost(stream="ab" * 16, first=1, last=2)
    ledger.hello("c01", "east", Hello(v=1, boot="b", lost=(lost,)), T0)
    asking.ask(tmp_path / "ledger.db", ("c01", "east"), "t1-device-1", "duty", T0)
    list(Asking(ledger.db).due(0.0, T0))
    drawn = picture.draw(ledger.db, ledger.calendar, T0, hearing=Hearing(), now=0.0, heard_s=1.0)
    feeds.compose(feeds.scopes(site), drawn)
    ledger._count_waiting()
    ledger.db.set_trace_callback(None)
    plans = [
        row[3]
        for query in asked
        if query.split(" ", 1)[0] in {"SELECT", "UPDATE", "DELETE", "INSERT"}
        for row in ledger.db.execute(f"EXPLAIN QUERY PLAN {query}").fetchall()
    ]
    assert {name for name in indexes(ledger.db) if name not in " ".join(plans)} == set()
    whole = {"SCAN entry", "SCAN e", "SCAN passage"}
    assert whole & set(plans) == set(), "years of entries would be read through"
    ledger.close()


def _jump():
    return ClockJumped(
        at_ms=T0, mono_ms=9000, clock="ntp", boot="boot-1", jump_ms=1000, was="unset"
    )
