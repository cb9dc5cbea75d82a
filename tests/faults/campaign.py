"""`./gatepost faults`: the campaign, its table, and its exit status."""

import json
import signal
import sys
import time
import traceback
from dataclasses import asdict
from pathlib import Path

import click

from tests.faults import (  # noqa: F401 - faults.
    backlogs,
    centres,
    clocks,
    copies,
    disks,
    links,
    processes,
)
from tests.faults.evidence import Verdict
from tests.faults.run import FAULTS, Result, perform

_HEAD = ("fault", "runs", "recorded", "counted", "passages", "lost", "named", "double", "settled s")


@click.command()
@click.option("--runs", type=click.IntRange(1), default=1, show_default=True,
              help="How often each fault is done.")  # fmt: skip
@click.option("--only", "names", multiple=True, metavar="NAME",
              help="Only faults with this in their name; may be given again.")  # fmt: skip
@click.option("--seed", default=1, show_default=True, help="Of the first run; the next count on.")
@click.option("--list", "lists", is_flag=True, help="Name the faults and what is done.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a run.")
@click.option("--keep", type=click.Path(path_type=Path), metavar="FOLDER",
              help="Keep journals, ledgers and logs of every run here.")  # fmt: skip
def main(runs, names, seed, lists, as_json, keep):
    """Do harm to real gates, central and broker, and compare what was recorded with what counted.

    Each run starts mosquitto, `central run` and two gates with guards who open passages, does one
    kind of harm at seeded moments, heals it, waits until all is settled, and compares journals,
    ledger, counters and every feed that was published meanwhile. It needs root for wires and
    disks, and says what it leaves out. Exits 1 when anything was lost, counted twice or said
    though it was not so.
    """
    chosen = [one for one in FAULTS.values() if not names or any(n in one.name for n in names)]
    chosen.sort(key=lambda one: one.settle_s)  # What takes long comes last.
    if not chosen:
        raise click.UsageError(f"no fault has {' or '.join(names)} in its name; see --list")
    if lists:
        for one in chosen:
            click.echo(f"{one.name}\n    {one.about}")
        return
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # So that nothing is left running.
    table, left_out = {}, {}
    total = runs * len(chosen)
    done = 0
    for number in range(runs):
        for one in chosen:
            done += 1
            if told := one.obstacle():
                left_out[one.name] = told
                continue
            result = _perform(one, seed + number, keep)
            table.setdefault(one.name, []).append(result)
            _tell(result, done, total, as_json)
    if not as_json:
        click.echo(_table(table))
    for name, told in left_out.items():
        click.echo(f"left out: {name}: {told}", err=True)
    if not table:
        raise click.ClickException("everything was left out: nothing was tried, nothing is shown")
    sys.exit(0 if all(result.well for results in table.values() for result in results) else 1)


def _perform(one, seed, keep):
    folder = keep / f"{one.name.replace(' ', '-')}-{seed}" if keep else None
    began = time.monotonic()
    try:
        return perform(one, seed, folder)
    except Exception as error:  # noqa: BLE001 - a run that fails is told, and the campaign goes on.
        told = "".join(traceback.format_exception(error)[-3:]).strip()
        broken = Verdict(wrong=[f"the run itself failed: {told}"])
        return Result(one.name, seed, broken, time.monotonic() - began)


def _tell(result, done, total, as_json):
    if as_json:
        click.echo(json.dumps({**asdict(result), "well": result.well}, ensure_ascii=False))
    found = result.verdict
    click.echo(
        f"[{done}/{total}] {result.fault} (seed {result.seed}): {found.recorded} recorded,"
        f" {found.counted} counted, {found.passages} passages, {found.lost} lost,"
        f" {found.named} named as lost, {found.double} double, settled in {result.settled_s:.1f} s",
        err=True,
    )
    for told in found.wrong:
        click.echo(f"    WRONG: {told}", err=True)
    if not result.well:
        click.echo(
            f"    again: ./gatepost faults --only '{result.fault}' --seed {result.seed}", err=True
        )


def _table(table):
    rows = [_HEAD]
    for name, results in table.items():
        found = [result.verdict for result in results]
        totals = [
            sum(getattr(one, word) for one in found)
            for word in ("recorded", "counted", "passages", "lost", "named", "double")
        ]
        longest = max(result.settled_s for result in results)
        rows.append((name, len(results), *totals, f"{longest:.1f}"))
    lines = ["| " + " | ".join(map(str, row)) + " |" for row in rows]
    lines.insert(1, "|" + "---|" * len(_HEAD))
    return "\n".join(lines)


if __name__ == "__main__":
    main()
