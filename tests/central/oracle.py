"""Counts a set of entries slowly and plainly, from their JSON: shares no code with central."""

import json
from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta

SHANGHAI = timedelta(hours=8)


def count(entries):
    """Count by (compound, gate, day, hour) and column; only what is not zero."""
    bodies = {(e.stream, e.seq): (e.kind, json.loads(bytes(e.open))) for e in entries}
    starts = {ref[0]: body for ref, (kind, body) in bodies.items() if kind == "started"}
    voided = {body["entry"] for kind, body in bodies.values() if kind == "voided"}
    jumps = defaultdict(list)
    for kind, body in bodies.values():
        if kind == "clock":
            jumps[body["boot"]].append(body)
    steps = defaultdict(list)
    for (stream, seq), (kind, body) in bodies.items():
        passage = body.get("passage") or (f"{stream}/{seq}" if kind == "opened" else None)
        if passage and f"{stream}/{seq}" not in voided:
            steps[passage].append((kind, stream, seq, body))
    totals = defaultdict(Counter)
    for passage, found in steps.items():
        opened = [body for kind, stream, seq, body in found if kind == "opened"]
        if opened:
            start = starts[passage.split("/")[0]]
            at = moment(opened[0], jumps[start["boot"]])
            day = ("unknown", -1)
            if at is not None:
                local = datetime.fromtimestamp(at // 1000, UTC) + SHANGHAI
                day = (local.date().isoformat(), local.hour)
            totals[(start["compound"], start["gate"], *day)] += columns(opened[0], found)
    return {
        bucket: {name: n for name, n in columns.items() if n}
        for bucket, columns in totals.items()
        if any(columns.values())
    }


def _is_later(jump, body):
    """Tell whether a jump came after an entry; in one millisecond the clock's word decides."""
    if jump["mono_ms"] == body["mono_ms"]:
        return jump.get("clock", "unset") != body.get("clock", "unset")
    return jump["mono_ms"] > body["mono_ms"]


def moment(body, jumps):
    """Tell an entry's true time, or None."""
    at = body.get("at_ms", 0)
    if body.get("clock", "unset") == "ntp":
        return at
    after = sorted(
        (jump for jump in jumps if _is_later(jump, body)), key=lambda jump: jump["mono_ms"]
    )
    for number, jump in enumerate(after):
        if jump.get("clock") == "ntp":
            return at + sum(one["jump_ms"] for one in after[: number + 1])
    if body.get("clock") == "rtc":
        return at
    for number, jump in enumerate(after):
        if jump.get("clock") == "rtc":
            return at + sum(one["jump_ms"] for one in after[: number + 1])
    return None


def columns(opened, found):
    """What one passage adds."""
    added = Counter(passages=1)
    if any(kind == "closed" and body["how"] == "turned" for kind, _, _, body in found):
        added["turned"] += 1
    elif opened["way"] == "foot":
        added["on_foot"] += 1
    else:
        added[f"{opened['traveller']}s_{opened['way']}"] += 1
    people = {body["person"] for kind, _, _, body in found if kind == "reading"}
    added["persons"] = len(people)
    decided = [
        (body["revision"], stream, seq, body)
        for kind, stream, seq, body in found
        if kind == "decided"
    ]
    if decided:
        latest = max(decided, key=lambda one: one[:3])[3]
        added[latest["decision"]] += 1
        added["overrides"] += latest.get("advice", latest["decision"]) != latest["decision"]
    else:
        added["undecided"] += 1
    plates = [(stream, seq, body) for kind, stream, seq, body in found if kind == "plate"]
    if plates:
        last = max(plates, key=lambda one: (one[2]["at_ms"], one[0], one[1]))[2]
        added["plates_read" if last["status"] in {"read", "typed"} else "plates_unread"] += 1
    return added
