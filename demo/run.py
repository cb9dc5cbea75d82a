"""The demo from beginning to end: start, let traffic through, settle, stop, compare.

Law: whatever happens, nothing is left running, and a folder that nobody asked to keep is gone.
"""

import json
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec

from demo import broker, settings
from demo.children import Child, ChildLost, Children, free_port
from demo.feeds import Feeds
from demo.live import Live, say
from demo.plan import Gate, Site
from demo.plates import score
from demo.simulator import GateSpec, LaneSpec, Spec
from demo.tally import Verdict, read_journals, read_ledger

UP_S: Final = 120.0
"""Everything must be up by then, on a slow machine too."""
FINISH_S: Final = 90.0
"""Visits under way end by then."""
SETTLE_S: Final = 60.0
"""What was recorded is counted by then, once the traffic has ended."""
WATCH_S: Final = 0.1
REAL_EVERY_S: Final = 60.0
"""A gate of the site saw some 625 vehicles a day, about one a minute in its busiest hour."""


class Interrupted(Exception):  # noqa: N818 - it says what was asked.
    """Somebody wants it to stop at once."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """What was asked on the command line."""

    seconds: float | None
    headless: bool
    as_json: bool
    gates: int
    every_s: float
    pictures: tuple[Path, ...]
    labels: dict[str, str]
    """What stands on the plates in them, by file name."""
    broker: str | None
    websockets: str | None
    keep: Path | None
    seed: str


class Demo:
    """One run."""

    def __init__(self, wishes: Wishes) -> None:
        self._wishes = wishes
        self._asked = 0
        self._told: dict[str, Any] = {}
        self._live: Live | None = None

    def run(self) -> int:
        """Run it all; return the exit status."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._ask)
        folder = self._wishes.keep or Path(tempfile.mkdtemp(prefix="gatepost-demo-"))
        folder = folder.resolve()
        folder.mkdir(parents=True, exist_ok=True)
        children = Children(folder, self._note)
        kept = self._wishes.keep is not None
        try:
            return self._run(folder, children)
        except ChildLost:
            kept = True
            say(f"demo: the logs are kept in {folder / 'logs'}")
            raise
        finally:
            children.stop(bound_s=3.0)
            if not kept:
                shutil.rmtree(folder, ignore_errors=True)

    def _run(self, folder: Path, children: Children) -> int:
        site = self._lay_out(folder)
        simulator = self._start(site, children)
        feeds = Feeds(site)
        try:
            self._live = Live(site, feeds, redraws=self._redraws())
            self._show_where(site)
            seconds = self._traffic(children, simulator)
            self._note("Traffic stops; the visits under way end (Ctrl-C again: stop at once).")
            self._finish(children, simulator)
            self._settle(site, children)
            self._live.draw(self._passages(), None)
        finally:
            feeds.close()
        verdict = self._stop(site, children)
        return self._report(site, verdict, seconds, children)

    # --- Starting ---------------------------------------------------------------------------

    def _lay_out(self, folder: Path) -> Site:
        wishes = self._wishes
        mqtt_port, websockets_port = free_port(), free_port()
        site = settings.site(
            folder,
            gates=wishes.gates,
            broker=wishes.broker or f"mqtt://127.0.0.1:{mqtt_port}",
            websockets=wishes.websockets or f"ws://127.0.0.1:{websockets_port}",
        )
        settings.write(site)
        if wishes.broker is None:
            broker.write_configuration(
                folder / "mosquitto.conf", mqtt_port=mqtt_port, websockets_port=websockets_port
            )
        (folder / "simulator.json").write_bytes(msgspec.json.encode(self._spec(site)))
        return site

    def _spec(self, site: Site) -> Spec:
        return Spec(
            seed=self._wishes.seed,
            every_s=self._wishes.every_s,
            truth=str(site.folder / "truth.jsonl"),
            gates=tuple(gate_spec(site, gate) for gate in site.gates),
            pictures=tuple(str(path.resolve()) for path in self._wishes.pictures),
            labels=self._wishes.labels,
        )

    def _start(self, site: Site, children: Children) -> Child:
        python = settings.PYTHON
        say(f"Starting a site of {len(site.gates)} gates in {site.folder}")
        if self._wishes.broker is None:
            mosquitto = [broker.find_mosquitto(), "-c", str(site.folder / "mosquitto.conf")]
            children.start("broker", mosquitto)
        simulator = children.start(
            "simulator",
            [*python, "demo.simulator", str(site.folder / "simulator.json")],
            restarts=False,
            pipes=True,
        )
        self._wait(children, simulator, "the simulator's devices", lambda: bool(self._told))
        for name, words in settings.central_commands(site).items():
            children.start(name, [*python, *words], notifies=True)
        for gate in site.gates:
            command = [*python, "gateway", "run", "--config", str(site.settings(gate))]
            children.start(f"gateway-{gate.compound}", command, notifies=True)
        self._wait(children, simulator, "the processes", children.ready)
        # Every camera has seen its lane empty by then, as at a gate where nobody has come yet.
        self._wait(children, simulator, "the gates' devices", lambda: bool(self._told.get("well")))
        return simulator

    def _wait(
        self, children: Children, simulator: Child, what: str, come: Callable[[], bool]
    ) -> None:
        until, tell_at = time.monotonic() + UP_S, time.monotonic() + 2
        while not come():
            self._listen(simulator)
            children.watch()
            self._check_interrupt()
            if time.monotonic() > until:
                raise ChildLost(
                    f"{what} did not come up in {UP_S:.0f} s "
                    f"({', '.join(children.waiting_for())}): read {children.logs}"
                )
            if time.monotonic() > tell_at:
                tell_at += 2
                say(f"  waiting for {', '.join(children.waiting_for()) or what}")
            time.sleep(WATCH_S)

    def _show_where(self, site: Site) -> None:
        factor = REAL_EVERY_S / self._wishes.every_s
        say(f"All {len(site.gates)} gates are up. Where to look:")
        say(f"  wall page       {site.wall}")
        for gate in site.gates:
            say(f"  guard's screen  {gate.url}  {gate.compound} {gate.names.get('zh', '')}")
        say(f"  broker          {site.broker}, WebSockets {site.websockets}")
        say("  topics          gatepost/v1/feed/#  gatepost/v1/gate/+/+/status")
        say(f"  logs            {site.folder / 'logs'}")
        say(
            f"Traffic: a vehicle a gate each {self._wishes.every_s:g} s, {factor:g} times that of "
            "a real gate's busiest hour; minutes to wait are seconds. Stop with Ctrl-C."
        )

    # --- While it runs ----------------------------------------------------------------------

    def _traffic(self, children: Children, simulator: Child) -> float:
        simulator.say("go")
        began = time.monotonic()
        draw_at = began
        assert self._live is not None
        while not self._asked:
            now = time.monotonic()
            left_s = None if self._wishes.seconds is None else began + self._wishes.seconds - now
            if left_s is not None and left_s <= 0:
                break
            if now >= draw_at:
                draw_at = now + self._live.each_s
                self._live.draw(self._passages(), left_s)
            self._listen(simulator)
            children.watch()
            time.sleep(WATCH_S)
        return time.monotonic() - began

    def _finish(self, children: Children, simulator: Child) -> None:
        simulator.say("stop")
        self._told["done"] = False
        until = time.monotonic() + FINISH_S
        while not (self._told.get("done") and self._told.get("quiet")):
            self._listen(simulator)
            children.watch()
            self._check_interrupt()
            if time.monotonic() > until:
                self._note(
                    f"After {FINISH_S:.0f} s some lane is still not empty; counting all the same."
                )
                return
            time.sleep(WATCH_S)

    def _settle(self, site: Site, children: Children) -> None:
        """Wait until central has what the journals hold, or time is up."""
        until = time.monotonic() + SETTLE_S
        while time.monotonic() < until:
            children.watch()
            self._check_interrupt()
            recorded = read_journals(settings.journals(site))
            ledger = read_ledger(settings.ledger(site))
            if (recorded.every(), recorded.entries) == (ledger.every(), ledger.entries) and (
                recorded.by_compound() == settings.summary(site)
            ):
                return
            time.sleep(0.5)
        self._note(f"The counts did not settle in {SETTLE_S:.0f} s.")

    def _check_interrupt(self) -> None:
        """Stop at once: while starting at the first word, while ending at the second."""
        if self._asked > (0 if self._live is None else 1):
            raise Interrupted

    # --- Ending -----------------------------------------------------------------------------

    def _stop(self, site: Site, children: Children) -> Verdict:
        say("Stopping: gateways, centre, broker.")
        killed = [
            *children.stop("gateway-"),
            *children.stop("central"),
            *children.stop("vault"),
            *children.stop("simulator"),
            *children.stop("broker"),
        ]
        for name in killed:
            say(f"demo: {name} did not end when asked and was killed")
        return Verdict(
            expected=self._passages(),
            recorded=read_journals(settings.journals(site)),
            ledger=read_ledger(settings.ledger(site)),
            counted=settings.summary(site),
        )

    def _report(self, site: Site, verdict: Verdict, seconds: float, children: Children) -> int:
        disagreements = verdict.disagreements()
        result = verdict.as_json(seconds)
        result["decisions_expected"] = self._told.get("decisions", {})
        result["restarts"] = children.restarted
        truth, keys = site.folder / "truth.jsonl", ("vault.key", "desk.key")
        found = score(settings.journals(site), truth, *(site.folder / key for key in keys))
        result["plates_read"] = found.as_json()
        result["disagreements"] = disagreements
        if self._wishes.as_json:
            say(json.dumps(result, ensure_ascii=False), sys.stdout)
        else:
            say(_in_words(result), sys.stdout)
        for told in disagreements:
            say(f"demo: they disagree: {told}")
        return 1 if disagreements else 0

    # --- Within -----------------------------------------------------------------------------

    def _ask(self, *_: object) -> None:
        self._asked += 1

    def _redraws(self) -> bool:
        return sys.stderr.isatty() and not (self._wishes.headless or self._wishes.as_json)

    def _note(self, text: str) -> None:
        if self._live is None:
            say(text)
        else:
            self._live.note(text)

    def _passages(self) -> dict[str, int]:
        found: dict[str, int] = self._told.get("passages", {})
        return found

    def _listen(self, simulator: Child) -> None:
        for line in simulator.lines():
            self._told |= json.loads(line)


def gate_spec(site: Site, gate: Gate) -> GateSpec:
    """Say where a gate's devices are, for the simulator."""
    lanes = tuple(
        LaneSpec(
            name=lane.name,
            camera=str(site.device(gate, lane.camera)) if lane.camera else None,
            thermometer=str(site.device(gate, lane.thermometer)) if lane.thermometer else None,
        )
        for lane in gate.lanes
    )
    return GateSpec(number=gate.number, compound=gate.compound, port=gate.port, lanes=lanes)


def _in_words(result: dict[str, Any]) -> str:
    decisions = ", ".join(f"{n} {kind}" for kind, n in result["decisions"].items())
    return (
        f"{result['expected']} passages came, {result['recorded']} were recorded, "
        f"{result['counted']} were counted; {result['lost']} lost, {result['double']} double "
        f"({decisions}; {result['seconds']} s)"
    )
