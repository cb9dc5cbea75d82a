"""A lane's pictures, drawn, and a reader that knows what was drawn in them."""

from dataclasses import dataclass, field

import numpy as np

from gateway.camera.blobs import View, Zone
from gateway.camera.tracks import Rules, Watch
from gateway.core.events import PlateRead, VehicleGone, VehicleSeen
from gateway.plates.reader import Plate
from training import drawing

ZONE = Zone.of("in1", drawing.ZONE)
SIZE = (640, 480)
TEXTS = ("鲁A12345", "京B67890", "苏C24680", "浙D13579", "粤E11223", "川F99887")


def draw(text=None, seed=1, where="zone", traveller="vehicle", ground=0, light=1.0):
    return drawing.draw_scene(
        text,
        "blue",
        np.random.default_rng(seed),
        SIZE,
        where,
        traveller,
        ground=ground,
        light=light,
    )


def plate(text, where="zone", confidence=0.99):
    """A plate where the drawing puts it: a quarter up the vehicle's width, above its wheels."""
    x, y, wide = drawing.PLACES["zone" if where == "two" else where]
    wide *= SIZE[0]
    left, top = x * SIZE[0] - 0.15 * wide, y * SIZE[1] - 0.28 * wide
    box = (round(left), round(top), round(0.3 * wide), round(0.1 * wide))
    return Plate(text, "blue", confidence, (confidence,) * 7, box, (), ((text, confidence),))


@dataclass
class Lane:
    """Pictures one after another, at moments, and the events they gave."""

    watch: Watch = field(default_factory=lambda: Watch("c1", [ZONE], Rules(), None))
    now: float = 100.0
    events: list = field(default_factory=list)
    reads: int = 0

    def show(self, picture, plates=(), for_s=1.0, step_s=0.1) -> list:
        """Show a picture for a while; as with a folder, the same picture is looked at once."""

        def read():
            self.reads += 1
            return tuple(plates)

        fresh = self.watch.look(View(picture), self.now, read)
        ends = self.now + for_s
        while self.now < ends:
            self.now += step_s
            fresh += self.watch.tick(self.now)
        self.events += fresh
        return fresh

    def empty(self, for_s=1.0, **how):
        return self.show(draw(where="empty", seed=int(self.now * 10), **how), (), for_s)

    def vehicle(self, text, seed, where="zone", for_s=1.0, plates=None, **how):
        seen = [plate(text, where)] if text and plates is None else plates or []
        return self.show(draw(text, seed, where, **how), seen, for_s)


def told(events) -> list:
    """Say events in short."""
    short = []
    for e in events:
        if isinstance(e, VehicleSeen):
            short.append((e.track, "zone" if e.in_zone else "view", e.traveller))
        elif isinstance(e, PlateRead):
            short.append((e.track, e.status, e.text))
        elif isinstance(e, VehicleGone):
            short.append((e.track, "turned" if e.turned else "gone"))
    return short
