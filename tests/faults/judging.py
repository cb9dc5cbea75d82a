"""What a run is held to, beside the files: touches, the log's words, days, revisions, feeds."""

import json
import re
from collections import Counter
from datetime import UTC, datetime, timedelta

from gateway import contract
from tests.faults import evidence
from tests.faults.watcher import untrue

_OVER = re.compile(r"A passage is over\..* passage=([0-9a-f]{32})/(\d+)")
_SHANGHAI = timedelta(hours=8)
UNTRUE_SHOWN = 5


def local_day(at_ms):
    return (datetime.fromtimestamp(at_ms / 1000, UTC) + _SHANGHAI).date().isoformat()


def judge(run):
    """Stop the site, compare, and give the verdict."""
    had = set(run.recorded.rows)
    ends = [(p, p.stop()) for p in (*run.site.gates, run.site.central)]
    run.look()
    summary = run.site.central.ask("summary")
    held = evidence.Held(run.site.central.ledger)
    # What a stop leaves unsent comes at the next start, by design.
    for ref in run.recorded.rows.keys() - held.rows.keys() - had:
        del run.recorded.rows[ref]
    verdict = evidence.judge(run.recorded, held, summary, run.may_be_gone)
    verdict.wrong += _still_held(run, held)
    passages = _Passages(run, held)
    verdict.wrong += [
        f"{program.name} ended with status {status}; it last said:\n{program.ended_with()}"
        for program, status in ends
        if status
    ]
    if not verdict.passages:
        verdict.wrong.append("no passage was counted: nothing was tried")
    verdict.wrong += [*run.wrong, *_unrevised(run), *_broken_words(run, held)]
    if run.fault.exact:
        verdict.wrong += passages.wrong_days()
    if run.fault.keeps:
        verdict.wrong += passages.untaken()
    found = untrue(run.watcher.said, passages.arrivals(), run.silences, exact=run.fault.exact)
    verdict.wrong += found[:UNTRUE_SHOWN]
    if verdict.unsure:
        run.notes["named as perhaps missing"] = verdict.unsure
    run.notes["feeds"] = len(run.watcher.said)
    run.notes["arrivals taken"] = sum(len(guard.accepted) for guard in run.site.guards)
    run.notes["arrivals recorded"] = passages.recorded
    run.notes |= {f"{what} alarms": n for what, n in held.troubles.items()}
    return verdict


def _still_held(run, held):
    """Only what no gate holds any more may be called lost."""
    kept = set().union(*map(run.held_by, run.site.gates))
    if kept and (wrong := [ref for ref in kept - held.rows.keys() if held.says_lost(ref)]):
        yield f"{len(wrong)} entries are named as lost that a gate still holds"


def _broken_words(run, held):
    """A passage that the log names was on disk by then: it must be there, and counted."""
    said = [(ref[0], int(ref[1])) for gate in run.site.gates for ref in _OVER.findall(gate.said())]
    gone = [ref for ref in said if not run.accounted(held, ref)]
    run.notes["said recorded"] = len(said)
    if gone:
        yield f"{len(gone)} passages were said to be recorded and are not counted"


def _unrevised(run):
    """A closed day that late entries changed must say so."""
    feed = run.watcher.feed("total", "days", contract.FeedDays)
    revisions = {one.day: one.revision for one in feed.days} if feed else {}
    for day in run.closed_days:
        run.notes[f"revision of {day}"] = revisions.get(day, 0)
        if revisions.get(day, 0) < 2:
            yield f"{day} was closed, has changed and is still of revision 1"


class _Passages:
    """The recorded passages, where and when they truly were."""

    def __init__(self, run, held):
        self._run, self._held = run, held
        rows = run.recorded.rows
        places = {
            ref[0]: (body["compound"], body["gate"])
            for ref, row in rows.items()
            if row.kind == "started"
            for body in [json.loads(row.open)]
        }
        self._found = [
            (ref, places[ref[0]], run.moment_of(json.loads(row.open)))
            for ref, row in rows.items()
            if row.kind == "opened"
        ]

    @property
    def recorded(self):
        return len(self._found)

    def arrivals(self):
        """Give the moments and days of each place's passages."""
        found = {}
        for _, place, at_ms in self._found:
            found.setdefault(place, []).append((at_ms, local_day(at_ms)))
        return found

    def wrong_days(self):
        """Compare each compound's days with the true ones; unknown only where nobody knows."""
        true = Counter(
            (place[0], local_day(at_ms))
            for ref, place, at_ms in self._found
            if ref in self._held.rows
        )
        counted = Counter()
        for (compound, _, day, _), found in self._held.counters.items():
            counted[compound, day] += found.get("passages", 0)
        unknown = sum(n for (_, day), n in counted.items() if day == "unknown")
        if unknown:
            self._run.notes["day unknown"] = unknown
        if unknown and not self._run.days_may_be_unknown:
            yield f"{unknown} passages are of no known day, though their clock was set"
        for (compound, day), n in sorted(counted.items()):
            if day != "unknown" and n > true[compound, day]:
                yield f"{compound} {day}: {n} counted, {true[compound, day]} of that day"
        missing = sum((true - counted).values())
        if missing != unknown:
            yield f"{missing} passages are not on their day, {unknown} are called unknown"

    def untaken(self):
        """Every touch that a page took must have become a passage where no gate died."""
        found = Counter(place for _, place, _ in self._found)
        for gate, guard in zip(self._run.site.gates, self._run.site.guards, strict=True):
            place = (gate.compound, gate.gate)
            if not len(guard.accepted) <= found[place] <= guard.tried:
                yield (
                    f"{place}: the page took {len(guard.accepted)} arrivals of {guard.tried},"
                    f" {found[place]} are recorded"
                )
