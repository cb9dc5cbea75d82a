"""`./gatepost model`: walk the protocol's model, and see every wrong protocol refuted."""

import json
import sys
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any, NamedTuple

import click

from tests.model.checker import walk
from tests.model.spaces import DEEP, MUTANTS, SMALL, Space, site_of
from tests.model.telling import told

EVERY = {**SMALL, **DEEP}


class Task(NamedTuple):
    """One walk: of a space, or of a mutant's own."""

    name: str
    mutant: bool
    states_max: int | None = None
    says: bool = False


def run(task: Task) -> dict[str, Any]:
    """Walk a space; give what came of it as plain data."""
    began = time.process_time()
    mutant = MUTANTS[task.name] if task.mutant else None
    space = mutant.space if mutant else EVERY[task.name]
    site = site_of(space, mutant)
    shown = [0]

    def said(depth: int, states: int) -> None:
        if task.says and states - shown[0] > 200_000:
            shown[0] = states
            print(f"  {task.name}: {states} states, {depth} deep", file=sys.stderr, flush=True)

    found = walk(site, task.states_max, said)
    expected = mutant.law if mutant else None
    law = found.broken.partition(":")[0] if found.broken else None
    return {
        "name": task.name,
        "mutant": task.mutant,
        "what": mutant.wrong if mutant else _budget(space),
        "states": found.states,
        "steps": found.steps,
        "depth": found.depth,
        "complete": found.complete,
        "broken": found.broken,
        "as_expected": law == expected,
        "trace": list(told(site, found)) if found.broken else [],
        "cpu_s": round(time.process_time() - began, 2),
    }


def _budget(space: Space) -> str:
    some = {name: count for name, count in space.budget._asdict().items() if count}
    counts = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in some.items())
    return f"{counts}; {space.pace.batch} to a message"


def _tasks(
    deep: bool, mutants: tuple[str, ...], spaces: tuple[str, ...], states_max: int, says: bool
) -> Iterator[Task]:
    if not (mutants or spaces):
        spaces, mutants = tuple(EVERY if deep else SMALL), tuple(MUTANTS)
    for name in spaces:
        yield Task(name, False, states_max if name in DEEP else None, says)
    for name in mutants:
        yield Task(name, mutant=True, says=says)


def _results(tasks: list[Task], jobs: int) -> Iterable[dict[str, Any]]:
    if jobs == 1 or len(tasks) == 1:
        yield from map(run, tasks)
        return
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        yield from pool.map(run, tasks)


@click.command()
@click.option("--deep", is_flag=True, help="Walk the deep spaces too: minutes to hours.")
@click.option("--space", "spaces", multiple=True, metavar="NAME", help="Walk this space only.")
@click.option("--mutant", "mutants", multiple=True, metavar="NAME", help="Refute this one only.")
@click.option("--list", "lists", is_flag=True, help="Name every space and mutant, and end.")
@click.option(
    "--states-max", default=2_000_000, show_default=True, type=click.IntRange(1),
    help="States of a deep space, at most; about 1 GB for a million.",
)  # fmt: skip
@click.option("--jobs", default=2, show_default=True, type=click.IntRange(1, 64), help="Cores.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object at the end.")
def model(
    deep: bool, spaces: tuple[str, ...], mutants: tuple[str, ...], lists: bool, states_max: int,
    jobs: int, as_json: bool,
) -> None:  # fmt: skip
    """Check the protocol in every state of small spaces of faults, with the real uplink.

    In each space all that can happen is tried in every order; losing, repeating, reordering and
    delaying messages is in all of them. The protocol must keep every law, and every mutant, a
    protocol with one thing wrong, must break one: its shortest trace is printed.

    Exits 1 when a law is broken or a mutant is not refuted.
    """
    for kind, known, wanted in (
        ("space", EVERY, spaces),
        ("mutant", MUTANTS, mutants),
    ):
        for name in wanted:
            if name not in known:
                raise click.UsageError(f"no {kind} {name!r}; --list names them all")
    if lists:
        _list()
        return
    tasks = list(_tasks(deep, mutants, spaces, states_max, says=not as_json))
    results = []
    for result in _results(tasks, jobs):
        results.append(result)
        if not as_json:
            _say(result, whole=bool(mutants))
    good = all(result["as_expected"] for result in results)
    if as_json:
        print(json.dumps({"good": good, "walks": results}, ensure_ascii=False, indent=1))
    else:
        walked = [one for one in results if not one["mutant"]]
        print(
            f"{'all as it must be' if good else 'NOT AS IT MUST BE'}:"
            f" {len(walked)} spaces, {sum(one['states'] for one in walked)} states;"
            f" {sum(one['mutant'] for one in results)} mutants;"
            f" {sum(one['cpu_s'] for one in results):.0f} s of CPU"
        )
    sys.exit(0 if good else 1)


def _list() -> None:
    for title, spaces in (("small spaces", SMALL), ("deep spaces", DEEP)):
        print(f"{title}:")
        for name, space in spaces.items():
            print(f"  {name:32} {_budget(space)}")
    print("mutants:")
    for name, mutant in MUTANTS.items():
        print(f"  {name:32} {mutant.wrong}")


def _say(result: dict[str, Any], *, whole: bool) -> None:
    if result["mutant"]:
        verdict = "refuted" if result["as_expected"] else "NOT REFUTED AS EXPECTED"
        print(
            f"{result['name']:32} {verdict} in {len(_numbered(result['trace']))} steps,"
            f" {result['states']} states: {result['what']}"
        )
    else:
        extent = "complete" if result["complete"] else "as far as it went"
        verdict = "BROKEN" if result["broken"] else f"clean, {extent}"
        print(
            f"{result['name']:32} {verdict}: {result['states']} states, {result['steps']} steps,"
            f" {result['depth']} deep, {result['cpu_s']} s ({result['what']})"
        )
    if whole or not result["as_expected"]:
        print("\n".join(result["trace"]))
    sys.stdout.flush()


def _numbered(trace: list[str]) -> list[str]:
    return [line for line in trace if line[:3].strip().isdigit()]
