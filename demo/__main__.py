"""`./gatepost demo`: run a whole site on this machine, and see that its counts agree."""

import csv
import sys
from pathlib import Path

import click

from demo.broker import BrokerMissing
from demo.children import ChildLost
from demo.live import say
from demo.pictures import find_pictures, load
from demo.run import Demo, Interrupted, Wishes
from demo.settings import check_address, labels


@click.command(context_settings={"show_default": True})
@click.option(
    "--seconds", type=click.FloatRange(min=1), help="Traffic for so long; else until Ctrl-C."
)
@click.option("--headless", is_flag=True, help="Unattended: no table that redraws itself.")
@click.option(
    "--json", "as_json", is_flag=True, help="End with one JSON object on standard output."
)
@click.option("--gates", type=click.IntRange(1, 8), default=8, help="Compounds, one gate each.")
@click.option(
    "--every",
    "every_s",
    type=click.FloatRange(min=1),
    default=4.0,
    help="Seconds a vehicle, a gate.",
)
@click.option(
    "--pictures",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Real frames for the cameras, instead of drawn ones.",
)
@click.option(
    "--broker", help="Another broker, as mqtt://[USER:PASSWORD@]HOST:PORT; none is started. No TLS."
)
@click.option(
    "--websockets", help="That broker's WebSockets, as ws://HOST:PORT, for the wall page."
)
@click.option(
    "--keep",
    type=click.Path(file_okay=False, path_type=Path),
    help="Keep journals, ledger, logs and settings in this new folder.",
)
@click.option("--seed", default="gatepost", help="The same seed brings the same travellers.")
def main(pictures: Path | None, **wishes: object) -> None:
    """Run broker, centre, gates and traffic here; stop with Ctrl-C.

    Exits 0 when the passages that came, that the gates recorded and that the centre counted are
    the same, 1 when not, 2 when called wrongly.
    """
    shown = _look_at(pictures) if pictures else {"pictures": (), "labels": {}}
    chosen = Wishes(**wishes, **shown)  # type: ignore[arg-type]
    _check_broker(chosen)
    if chosen.keep is not None and chosen.keep.exists() and any(chosen.keep.iterdir()):
        raise click.UsageError(f"--keep: {chosen.keep} is not empty")
    try:
        sys.exit(Demo(chosen).run())
    except (BrokerMissing, ChildLost) as error:
        say(f"demo: {error}")
        sys.exit(1)
    except Interrupted:
        say("demo: stopped at once; nothing of it is running any more")
        sys.exit(130)


def _look_at(folder: Path) -> dict[str, object]:
    """Choose the files of a folder that are pictures, naming those that are none."""
    found = find_pictures(folder)
    good = tuple(path for path in found if load(path) is not None)
    for path in sorted(set(found) - set(good)):
        say(f"demo: {path} is no picture and is passed over")
    if not good:
        raise click.UsageError(f"--pictures: no .jpg or .png that is a picture in {folder}")
    try:
        return {"pictures": good, "labels": labels(folder)}
    except (OSError, ValueError, csv.Error) as error:
        raise click.UsageError(f"--pictures: {folder}: {error}") from error


def _check_broker(chosen: Wishes) -> None:
    """Refuse an address where no broker can be, and a broker whose other half nobody named."""
    for option, url, schemes in (
        ("--broker", chosen.broker, ("mqtt",)),
        ("--websockets", chosen.websockets, ("ws", "wss")),
    ):
        try:
            if url is not None:
                check_address(url, *schemes)
        except ValueError as error:
            raise click.UsageError(f"{option}: {error}") from error
    if (chosen.broker is None) != (chosen.websockets is None):
        raise click.UsageError(
            "--broker, --websockets: of another broker both are wanted, as mqtt://HOST:1883 and"
            " ws://HOST:9001: the wall page watches over the second"
        )


if __name__ == "__main__":
    main(prog_name="./gatepost demo")
