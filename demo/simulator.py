"""The world outside the gateways, in a process of its own: devices, travellers and guards.

    python -m demo.simulator SPEC.json

It makes the devices, says {"ready": true}, and then each second a line of JSON with its tally.
The word `go` on its input starts the traffic, `stop` lets the visits under way end and starts no
other, and the end of its input ends it.
"""

import json
import os
import random
import sys
import time
from collections import Counter
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TextIO

import msgspec

from demo.devices import CameraFolder, SerialThermometer
from demo.guard import Lane, Outcome, Until, play
from demo.page import GuardsPage
from demo.pictures import Scenes
from demo.plan import TEMPERATURE_DRIVER
from demo.traffic import Visit, visits

TICK_S: Final = 0.02
TELL_S: Final = 0.5


class LaneSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A lane's devices, as paths."""

    name: str
    camera: str | None
    thermometer: str | None


class GateSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A gate's lanes, and the port of its screen."""

    number: int
    compound: str
    port: int
    lanes: tuple[LaneSpec, ...]


class Spec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What to simulate."""

    seed: str
    every_s: float
    truth: str
    """A file to which each visit is written: what it truly was."""
    gates: tuple[GateSpec, ...]
    pictures: tuple[str, ...] = ()
    labels: dict[str, str] = {}
    """What stands on the plates of real frames, by file name."""


@dataclass(slots=True)
class Post:
    """A lane with the visits that come to it."""

    compound: str
    lane: Lane
    coming: Iterator[Visit]
    every_s: float
    next_at: float
    script: Generator[Until, bool, Outcome] | None = None
    awaits: Until | None = None
    until: float = 0.0


@dataclass(slots=True)
class Tally:
    """What truly happened, counted by the one who made it happen."""

    passages: Counter[str] = field(default_factory=Counter)
    decisions: Counter[str] = field(default_factory=Counter)
    not_noticed: int = 0
    finished: int = 0

    def as_json(self) -> dict[str, Any]:
        """Give the tally for a line of JSON."""
        return {
            "passages": dict(self.passages),
            "decisions": dict(self.decisions),
            "not_noticed": self.not_noticed,
            "finished": self.finished,
        }


class Simulator:
    """All gates' surroundings, moved by one loop."""

    def __init__(self, spec: Spec, truth: TextIO) -> None:
        self._spec = spec
        self._truth = truth
        self.tally = Tally()
        self.stopping = False
        self._cameras: list[CameraFolder] = []
        self._thermometers: list[SerialThermometer] = []
        self._pages: list[GuardsPage] = []
        pictures = tuple(map(Path, spec.pictures))
        self._posts = [post for gate in spec.gates for post in self._build(gate, pictures)]

    def go(self, now: float) -> None:
        """Let the traffic begin, spread over the gates."""
        for number, post in enumerate(self._posts):
            post.next_at = now + post.every_s * (number * 0.37 % 1.0)

    def tick(self, now: float) -> None:
        """Move every device and every visit a little."""
        for thermometer in self._thermometers:
            thermometer.tick(now)
        for post in self._posts:
            self._move(post, now)
        for camera in self._cameras:
            camera.tick(now)

    def is_well(self) -> bool:
        """Tell whether every screen is live and shows every device well."""
        return all(post.lane.is_well() for post in self._posts)

    def is_quiet(self) -> bool:
        """Tell whether no visit is under way and every screen shows its lanes empty."""
        return all(post.script is None and post.lane.is_free() for post in self._posts)

    def is_done(self) -> bool:
        """Tell whether no visit is under way."""
        return all(post.script is None for post in self._posts)

    def _build(self, gate: GateSpec, pictures: tuple[Path, ...]) -> Iterator[Post]:
        page = GuardsPage(gate.port)
        self._pages.append(page)
        for number, lane in enumerate(gate.lanes):
            camera, scenes, thermometer = None, None, None
            if lane.camera is not None:
                camera = CameraFolder(Path(lane.camera))
                scenes = Scenes(gate.number * 10 + number, real=bool(pictures))
                camera.show(scenes.empty)
                self._cameras.append(camera)
            if lane.thermometer is not None:
                chance = random.Random(f"{self._spec.seed}/{lane.thermometer}")
                thermometer = SerialThermometer(TEMPERATURE_DRIVER, Path(lane.thermometer), chance)
                self._thermometers.append(thermometer)
            yield Post(
                compound=gate.compound,
                lane=Lane(lane.name, page, camera, scenes, thermometer),
                coming=visits(
                    f"{self._spec.seed}/{gate.compound}", lane.name,
                    measured=thermometer is not None, pictures=pictures,
                ),
                every_s=self._spec.every_s * len(gate.lanes),
                next_at=float("inf"),
            )  # fmt: skip

    def _move(self, post: Post, now: float) -> None:
        if post.script is None:
            if now < post.next_at or self.stopping:
                return
            # Behind a slow gate a queue would only grow: who finds it long goes elsewhere.
            post.next_at = max(post.next_at + post.every_s, now)
            visit = next(post.coming)
            post.script = play(post.lane, visit, lambda: self._came(post, visit))
            self._resume(post, None, now)
        elif post.awaits is not None:
            if post.awaits.condition():
                self._resume(post, True, now)
            elif now >= post.until:
                self._resume(post, False, now)

    def _resume(self, post: Post, came: bool | None, now: float) -> None:
        assert post.script is not None
        try:
            post.awaits = next(post.script) if came is None else post.script.send(came)
            post.until = now + post.awaits.bound_s
        except StopIteration as end:
            outcome: Outcome = end.value
            post.script = post.awaits = None
            self.tally.finished += 1
            self.tally.not_noticed += not outcome.noticed

    def _came(self, post: Post, visit: Visit) -> None:
        self.tally.passages[post.compound] += 1
        self.tally.decisions[_right_decision(visit)] += 1
        plate = None
        if visit.picture is not None:
            plate = self._spec.labels.get(visit.picture.name)
        elif post.lane.scenes is not None and visit.traveller == "vehicle":
            plate = post.lane.scenes.plate_of(visit)[0]
        truth = {
            "compound": post.compound,
            "lane": post.lane.name,
            "traveller": visit.traveller,
            "plate": plate,
            "persons": [person.health for person in visit.persons],
        }
        self._truth.write(json.dumps(truth, ensure_ascii=False) + "\n")
        self._truth.flush()


def _right_decision(visit: Visit) -> str:
    return "refer" if any(p.health == "feverish" for p in visit.persons) else "admit"


def _say(said: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(said) + "\n")
    sys.stdout.flush()


def _listen() -> list[bytes] | None:
    """Take the words that came on the input; None at its end."""
    try:
        chunk = os.read(0, 4096)
    except BlockingIOError:
        return []
    return chunk.split() if chunk else None


def run(spec: Spec) -> None:
    """Simulate until the input ends."""
    os.set_blocking(0, False)
    with Path(spec.truth).open("w", encoding="utf-8") as truth:
        simulator = Simulator(spec, truth)
        _say({"ready": True})
        tell_at = 0.0
        while (words := _listen()) is not None:
            now = time.monotonic()
            if b"go" in words:
                simulator.go(now)
            simulator.stopping = simulator.stopping or b"stop" in words
            simulator.tick(now)
            if now >= tell_at:
                tell_at = now + TELL_S
                done = simulator.stopping and simulator.is_done()
                states = {"done": done, "quiet": simulator.is_quiet(), "well": simulator.is_well()}
                _say(simulator.tally.as_json() | states)
            time.sleep(TICK_S)


if __name__ == "__main__":
    run(msgspec.json.decode(Path(sys.argv[1]).read_bytes(), type=Spec))
