"""`./gatepost power`: cut the power at the writes of gate and centre, and look what is left."""

import json
import sys
import time
from typing import Any, get_args

import click

from tests.power import campaign
from tests.power.disk import KINDS
from tests.power.vfs import Unrecordable
from tests.power.work import Planted

_PLANTED = tuple(name for name in get_args(Planted) if name)
_SAID_EVERY_S = 5.0


@click.command()
@click.option(
    "--cuts", default=1000, show_default=True, type=click.IntRange(0),
    help="Cuts, half of them at each end; 0: every write, in every kind.",
)  # fmt: skip
@click.option("--seed", default=1, show_default=True, help="The same seed cuts the same.")
@click.option(
    "--place", "places", multiple=True, type=click.Choice(list(campaign.PLACES)),
    help="Only at this end.",
)  # fmt: skip
@click.option("--planted", type=click.Choice(_PLANTED), help="Plant a fault that must be found.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object at the end.")
def power(
    cuts: int, seed: int, places: tuple[str, ...], planted: Planted | None, as_json: bool
) -> None:
    """Cut the power at the writes of the gate's journal and of the centre's ledger and backups.

    What SQLite asks of the files is taped while the real code runs. Each cut leaves what was
    synced, and of the rest nothing, everything, the first part in order with a torn sector, or
    sectors scattered; the real code opens that and must find all it had shown, acknowledged or
    promised, in an unbroken chain.

    Exits 1 on any loss; with --planted, on none.
    """
    named = places or tuple(campaign.PLACES)
    said = _Saying(as_json)
    began = time.process_time()
    try:
        results = [
            campaign.cut(
                campaign.PLACES[name], seed, -(-cuts // len(named)), planted or "", said.say
            )
            for name in named
        ]
    except Unrecordable as error:
        raise click.ClickException(str(error)) from error
    losses = sum(sum(result.losses.values()) for result in results)
    total = sum(sum(result.cuts.values()) for result in results)
    data: dict[str, Any] = {
        "seed": seed, "planted": planted, "cuts": total, "losses": losses,
        "places": [result.as_data() for result in results],
        "cpu_s": round(time.process_time() - began, 1),
    }  # fmt: skip
    if as_json:
        print(json.dumps(data, indent=1))
    else:
        _print(data, results)
    sys.exit(int(bool(losses) != bool(planted)))


class _Saying:
    """Says now and then how far it is."""

    def __init__(self, quiet: bool) -> None:
        self._quiet = quiet
        self._last_s = time.monotonic()

    def say(self, place: str, done: int, of: int) -> None:
        if self._quiet or time.monotonic() < self._last_s + _SAID_EVERY_S:
            return
        self._last_s = time.monotonic()
        print(f"  {place}: {done} of {of} cuts", file=sys.stderr, flush=True)


def _print(data: dict[str, Any], results: list[campaign.Result]) -> None:
    print(f"{'':8} {'writes':>7} {'cuts':>6}  losses of cuts, by what the disk had put down")
    for result in results:
        kinds = ", ".join(f"{kind} {result.losses[kind]}/{result.cuts[kind]}" for kind in KINDS)
        cuts = sum(result.cuts.values())
        print(f"{result.name:8} {result.writes:7} {cuts:6}  {kinds}")
        for first in result.first:
            print(f"         LOST at {first}")
    print(f"{data['cuts']} cuts, {data['losses']} losses, {data['cpu_s']} s of CPU")
