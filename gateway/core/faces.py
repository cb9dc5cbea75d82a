"""What an array sees beside the thermometer: one face, several, or none.

Law: an array finds the face and does not decide fever. It never makes a reading; it can only take
one away: with several faces before it a window is nobody's, and with none it is not skin. An array
that is silent says nothing. Pure.
"""

from typing import Final

from msgspec.structs import replace

from gateway.core.events import FacesSeen
from gateway.core.screening import Window
from gateway.core.work import Faces, Work

KEPT: Final = 64
"""Looks that are remembered: eight seconds of the fastest array."""


def see(work: Work, event: FacesSeen) -> None:
    """Remember one look."""
    if event.device not in work.site.finding:
        return
    others = tuple(one for one in work.desk.faces if one.device != event.device)
    seen = next((one.seen for one in work.desk.faces if one.device == event.device), ())
    looks = (*seen, (event.taken_s, event.faces))[-KEPT:]
    work.desk = replace(work.desk, faces=(*others, Faces(event.device, looks)))


def looked_at(work: Work, lanes: tuple[int, ...], window: Window) -> Window:
    """Mark a window with what the arrays of its lanes saw meanwhile."""
    margin_s = work.limits.faces_margin_s
    from_s, to_s = window.began_s - margin_s, window.ended_s + margin_s
    seen = [
        faces
        for array in work.desk.faces
        if not set(lanes).isdisjoint(work.site.finding[array.device])
        for at_s, faces in array.seen
        if from_s <= at_s <= to_s
    ]
    if not seen or max(seen) == 1:
        return window
    return replace(window, flags=(*window.flags, "faces" if max(seen) else "no_face"))
