"""`./gatepost bench`: what one gate costs a machine while nothing happens before it.

A gateway with one thermometer at ten frames a second and one camera at two pictures a second, a
broker and no centre, as after a cut of the line. Memory is proportional (PSS): what is shared
between processes is shared out.
"""

import contextlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import msgspec

from demo import backlog, broker, settings, wear
from demo.children import ChildLost, Children, free_port
from demo.live import say
from demo.run import UP_S, gate_spec
from demo.simulator import Spec

TICKS_S = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Use:
    """What a process used up to now."""

    name: str
    cpu_s: float
    pss_kb: int
    rss_kb: int


def family(pid: int) -> list[int]:
    """List a process and those below it, whichever of its threads started them."""
    below = [
        int(word)
        for children in Path(f"/proc/{pid}/task").glob("*/children")
        for word in children.read_text().split()
    ]
    return [pid, *(each for child in below for each in family(child))]


def use_of(pid: int) -> Use:
    """Read what the kernel knows of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    memory = {"Pss": 0, "Rss": 0}
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        word, _, rest = line.partition(":")
        if word in memory:
            memory[word] = int(rest.split()[0])
    command = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")
    name = "camera process" if "gateway.camera.child" in command else "gateway"
    return Use(name, (int(fields[11]) + int(fields[12])) / TICKS_S, memory["Pss"], memory["Rss"])


def measure(pid: int, seconds: float) -> dict[str, Any]:
    """Watch a gateway and its camera process for some time."""
    before = {each: use_of(each) for each in family(pid)}
    began = time.monotonic()
    time.sleep(seconds)
    took_s = time.monotonic() - began
    rows = []
    for each in family(pid):
        now = use_of(each)
        spent = now.cpu_s - before[each].cpu_s if each in before else now.cpu_s
        rows.append(
            {
                "process": now.name,
                "cpu_percent_of_a_core": round(100 * spent / took_s, 1),
                "pss_mb": round(now.pss_kb / 1024, 1),
                "rss_mb": round(now.rss_kb / 1024, 1),
            }
        )
    return {"seconds": round(took_s, 1), "cores": os.cpu_count(), "processes": rows}


def idle_gate(folder: Path, seconds: float, warm_up_s: float) -> dict[str, Any]:
    """Run one gate with its devices and nobody before them."""
    ports = free_port(), free_port()
    site = settings.site(
        folder,
        gates=1,
        broker=f"mqtt://127.0.0.1:{ports[0]}",
        websockets=f"ws://127.0.0.1:{ports[1]}",
    )
    settings.write(site)
    configuration = folder / "mosquitto.conf"
    broker.write_configuration(configuration, mqtt_port=ports[0], websockets_port=ports[1])
    spec = Spec("bench", 1.0, str(folder / "truth.jsonl"), (gate_spec(site, site.gates[0]),))
    (folder / "simulator.json").write_bytes(msgspec.json.encode(spec))
    children = Children(folder, say)
    try:
        children.start("broker", [broker.find_mosquitto(), "-c", str(configuration)])
        simulator = [*settings.PYTHON, "demo.simulator", str(folder / "simulator.json")]
        devices = children.start("simulator", simulator, restarts=False, pipes=True)
        wait_for(children, lambda: bool(devices.lines()))
        gate = [*settings.PYTHON, "gateway", "run", "--config", str(site.settings(site.gates[0]))]
        for nth in range(2):  # The first start lays the tables, and keeps what that took.
            if nth:
                children.stop("gateway")
            gateway = children.start("gateway", gate, notifies=True, restarts=False)
            wait_for(children, children.ready)
        say(f"Up; measuring {seconds:.0f} s after {warm_up_s:.0f} s of settling.")
        time.sleep(warm_up_s)
        assert gateway.process is not None
        return measure(gateway.process.pid, seconds)
    finally:
        children.stop("gateway")
        children.stop()


def wait_for(children: Children, come: Any) -> None:
    """Wait until something is so, while no process dies; raises ChildLost."""
    until = time.monotonic() + UP_S
    while not come():
        children.watch()
        if time.monotonic() > until:
            raise ChildLost(f"not up in {UP_S:.0f} s: read {children.logs}")
        time.sleep(0.1)


@click.group(invoke_without_command=True)
@click.option("--seconds", type=click.FloatRange(min=1), default=30.0, show_default=True,
              help="Measure for so long.")  # fmt: skip
@click.option("--warm-up", type=click.FloatRange(min=0), default=10.0, show_default=True,
              help="Wait before that.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_context
def main(ctx: click.Context, seconds: float, warm_up: float, as_json: bool) -> None:
    """Measure memory and CPU of one idle gate on this machine; or what a command names."""
    if ctx.invoked_subcommand is not None:
        return
    with _folder() as folder:
        found = idle_gate(folder, seconds, warm_up)
    if as_json:
        click.echo(json.dumps(found))
        return
    click.echo(f"{'process':<16} {'CPU, % of a core':>18} {'PSS, MB':>9} {'RSS, MB':>9}")
    for row in found["processes"]:
        click.echo(
            f"{row['process']:<16} {row['cpu_percent_of_a_core']:>18} "
            f"{row['pss_mb']:>9} {row['rss_mb']:>9}"
        )


@main.command("backlog")
@click.option("--entries", type=click.IntRange(1000), default=100_000, show_default=True,
              help="Written before.")  # fmt: skip
@click.option("--alerts", type=click.IntRange(1, backlog.LANES), default=9, show_default=True,
              help="Raised in it.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def backlog_command(entries: int, alerts: int, as_json: bool) -> None:
    """Measure how fast a backlog drains, and how soon an alert in its midst is seen."""
    with _folder() as folder:
        found = backlog.run(folder, entries, alerts)
    if as_json:
        click.echo(json.dumps(found))
        return
    bare, drain, alarms = found["bare_subscriber"], found["drain"], found["alerts"]
    click.echo(f"{found['entries']} entries of {found['bytes_an_entry']} bytes on the wire")
    click.echo(
        f"a bare paho subscriber takes {bare['entries_s']} entries/s "
        f"({bare['messages_s']} messages/s), {bare['entries_per_core_s']} a second of its core"
    )
    click.echo(
        f"the backlog drains at {drain['entries_s']} entries/s in {drain['seconds']} s; of its core"
        f" the centre makes {drain['centre_entries_per_core_s']} a second,"
        f" the gate {drain['gate_entries_per_core_s']}"
    )
    told = ", ".join(f"{delay:.2f}" for delay in alarms["seconds"])
    click.echo(f"from unplugging to the alarm's feed: median {alarms['median_s']:.2f} s of {told}")


@main.command("wear")
@click.option("--variants", is_flag=True, help="Also with other pragmas than ours.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def wear_command(variants: bool, as_json: bool) -> None:
    """Measure how many bytes reach the card for an entry and in a day (needs root)."""
    try:
        with _folder() as folder:
            found = wear.run(folder, variants=variants)
    except wear.NoCard as error:
        raise click.ClickException(str(error)) from error
    if as_json:
        click.echo(json.dumps(found))
        return
    for name, count in found["bytes_an_entry"].items():
        click.echo(f"{name:<26} {count:>8} bytes an entry")
    for name, count in found.get("alone_otherwise", {}).items():
        click.echo(f"alone, {name:<26} {count:>8} bytes an entry")
    told = ", ".join(f"{name} {count}" for name, count in found["megabytes_a_day"].items())
    click.echo(f"a day of {wear.PASSAGES_A_DAY} passages, MB: {told}")


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="gatepost-bench-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main(prog_name="./gatepost bench")
