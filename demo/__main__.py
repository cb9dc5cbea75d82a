"""`./gatepost demo`: run a whole site on this machine, and see that its counts agree."""

import sys
from pathlib import Path

import click

from demo.broker import BrokerMissing
from demo.children import ChildLost
from demo.live import say
from demo.pictures import find_pictures
from demo.run import Demo, Interrupted, Wishes


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
    "--broker", help="Another broker, as mqtt://[USER:PASSWORD@]HOST:PORT; none is started."
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
def main(**wishes: object) -> None:
    """Run broker, centre, gates and traffic here; stop with Ctrl-C.

    Exits 0 when the passages that came, that the gates recorded and that the centre counted are
    the same, 1 when not, 2 when called wrongly.
    """
    chosen = Wishes(**wishes)  # type: ignore[arg-type]
    if chosen.pictures is not None and not find_pictures(chosen.pictures):
        raise click.UsageError(f"--pictures: no .jpg or .png in {chosen.pictures}")
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


if __name__ == "__main__":
    main(prog_name="./gatepost demo")
