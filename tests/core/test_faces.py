"""An array beside the thermometer: it finds the face, and decides no fever."""

import pytest

from gateway.core import events
from tests.core.post import Post, in_lane


def measured(faces: int | None, centi_c: int = 3640, *, again: bool = False) -> Post:
    """Measure a driver while an array sees so many faces."""
    post = Post(in_lane(arrays=("a1",)))
    post.arrive(1)
    if again:
        post.measure()
        post.do(events.AgainTouched("in1", 1))
    for _ in range(3):
        post.show(centi_c, count=5)
        if faces is not None:
            post.do(events.FacesSeen("a1", faces, post.now))
    post.idle("t1", 6)
    return post


@pytest.mark.parametrize(
    ("what", "faces", "readings"),
    [
        ("one face", 1, [(1, 1, "NORMAL")]),
        ("no face: a warm cup", 0, [(1, 0, "NOT_SKIN")]),
        ("two faces: whose?", 2, [(None, 0, "NORMAL")]),
        ("an array that is silent", None, [(1, 1, "NORMAL")]),
    ],
)
def test_what_the_array_sees_can_only_take_a_reading_away(what, faces, readings):
    assert measured(faces).readings() == readings, what


def test_two_faces_are_shown_as_the_doubt_that_they_are():
    (loose,) = measured(2).screen()["unassigned"]
    assert loose["why"] == "faces"


def test_the_guards_word_settles_whose_face_it_was():
    assert measured(2, again=True).readings()[-1] == (1, 1, "NORMAL")


def test_an_array_measures_nobody():
    post = Post(in_lane(arrays=("a1",)))
    post.do(events.DeviceStateChanged("t1", "lost", "unplugged"))
    post.arrive(1)
    for _ in range(20):
        post.wait(0.2)
        post.do(events.FacesSeen("a1", 1, post.now))
    assert post.readings() == []
    assert post.screen()["lanes"][0]["passage"]["next"] == ["hand"], "an array is no thermometer"


def test_what_an_array_saw_before_and_after_does_not_count():
    post = Post(in_lane(arrays=("a1",)))
    post.arrive(1)
    post.do(events.FacesSeen("a1", 3, post.now))
    post.wait(2.0)
    post.measure()
    post.wait(2.0)
    post.do(events.FacesSeen("a1", 0, post.now))
    assert post.readings() == [(1, 1, "NORMAL")]


def test_an_array_of_another_lane_says_nothing_here():
    post = Post(in_lane(), in_lane(name="in2", thermometers=("t2",), cameras=(), arrays=("a1",)))
    post.arrive(1)
    post.show(3640)
    post.do(events.FacesSeen("a1", 2, post.now))
    post.idle("t1", 6)
    assert post.readings() == [(1, 1, "NORMAL")]
