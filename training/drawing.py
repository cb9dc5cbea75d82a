"""What this project draws itself: plates, their wear, and gates with travellers before them."""

from training.faces import BUILT_IN, GROUND, INK, Glyphs, draw_plate
from training.layouts import SHAPES, Shape
from training.scene import PLACES, ZONE, Traveller, Where, draw_scene, paste
from training.texts import random_plate
from training.wear import wear

__all__ = [
    "BUILT_IN", "GROUND", "INK", "PLACES", "SHAPES", "ZONE", "Glyphs", "Shape", "Traveller",
    "Where", "draw_plate", "draw_scene", "paste", "random_plate", "wear",
]  # fmt: skip
