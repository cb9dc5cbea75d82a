"""Presence from pictures: drawn scenes of a lane, one after another, and what is told of them."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from gateway.camera.blobs import DEFAULT_ZONE, View, Zone, find_blobs
from gateway.camera.ground import Ground
from gateway.camera.tracks import DOUBT_S, Rules, Watch
from gateway.core.events import PlateRead, VehicleGone, VehicleSeen
from tests.camera.scenes import SIZE, TEXTS, ZONE, Lane, draw, plate, told
from training import drawing, scene

FRAMES = Path(__file__).parents[3] / "shared/data/dev_frames"


@pytest.fixture
def lane():
    lane = Lane()
    lane.empty()
    return lane


def test_a_vehicle_comes_stands_and_leaves(lane):
    lane.vehicle(TEXTS[0], 1, "far")
    lane.vehicle(TEXTS[0], 1, "near")
    lane.vehicle(TEXTS[0], 1, "zone")
    lane.empty()
    assert told(lane.events) == [
        (1, "view", "vehicle"), (1, "zone", "vehicle"), (1, "read", TEXTS[0]), (1, "gone"),
    ]  # fmt: skip
    (read,) = [e for e in lane.events if isinstance(e, PlateRead)]
    assert (read.confidence_pct, read.plate_kind, read.candidates) == (99, "blue", (TEXTS[0],))
    assert read.crop.startswith(b"\xff\xd8")
    assert len(read.crop) <= 32_000


@pytest.mark.parametrize("ground", range(12))
def test_tailgating_and_turning_on_many_grounds(ground):
    """Vehicles of any paint, often the same: the zone never empties between the first two."""
    lane, seed = Lane(), ground * 2 + 10
    lane.empty(ground=ground)
    lane.vehicle(TEXTS[0], seed, "far", ground=ground)
    lane.vehicle(TEXTS[0], seed, "zone", ground=ground)
    lane.vehicle(TEXTS[1], seed + 1, "zone", ground=ground)
    lane.empty(ground=ground)
    lane.vehicle(TEXTS[2], seed + 500, "zone", ground=ground)
    lane.vehicle(TEXTS[2], seed + 500, "far", ground=ground)
    lane.empty(ground=ground)
    assert told(lane.events) == [
        (1, "view", "vehicle"), (1, "zone", "vehicle"), (1, "read", TEXTS[0]), (1, "gone"),
        (2, "zone", "vehicle"), (2, "read", TEXTS[1]), (2, "gone"),
        (3, "zone", "vehicle"), (3, "read", TEXTS[2]), (3, "view", "vehicle"), (3, "turned"),
    ]  # fmt: skip


def test_two_in_view_are_two_tracks(lane):
    lane.vehicle(TEXTS[0], 1, "zone")
    lane.vehicle(TEXTS[0], 1, "two")
    lane.vehicle(TEXTS[0], 1, "zone")
    lane.empty()
    assert told(lane.events) == [
        (1, "zone", "vehicle"), (1, "read", TEXTS[0]),
        (2, "view", "vehicle"), (2, "turned"), (1, "gone"),
    ]  # fmt: skip


def test_the_waiting_one_follows_the_first_under_its_own_number(lane):
    """The plates are seen as different, so the change is known at once."""
    lane.vehicle(TEXTS[0], 3, "zone")
    lane.vehicle(TEXTS[0], 3, "two", plates=[plate(TEXTS[0])])
    lane.vehicle(TEXTS[1], 8, "zone")
    lane.empty()
    assert told(lane.events) == [
        (1, "zone", "vehicle"), (1, "read", TEXTS[0]), (2, "view", "vehicle"), (1, "gone"),
        (2, "zone", "vehicle"), (2, "read", TEXTS[1]), (2, "gone"),
    ]  # fmt: skip


def test_tailgating_without_plates_is_told_by_the_looks(lane):
    lane.vehicle(None, 1, "zone")
    lane.vehicle(None, 3, "zone", for_s=DOUBT_S / 2)
    assert told(lane.events)[-1] == (1, "none", "")
    lane.vehicle(None, 3, "zone", for_s=2)
    lane.empty()
    assert told(lane.events) == [
        (1, "zone", "vehicle"), (1, "none", ""), (1, "gone"),
        (2, "zone", "vehicle"), (2, "none", ""), (2, "gone"),
    ]  # fmt: skip


def test_a_person_walking_past_does_not_make_it_another_vehicle(lane):
    """For a moment most of the vehicle is hidden; then its old look is back."""
    lane.vehicle(TEXTS[0], 1, "zone")
    hidden = draw(TEXTS[0], 1, "zone")
    hidden[150:480, 150:520] = (60, 90, 40)
    lane.show(hidden, (), for_s=DOUBT_S / 2)
    lane.vehicle(TEXTS[0], 1, "zone")
    lane.empty()
    assert told(lane.events) == [
        (1, "zone", "vehicle"), (1, "read", TEXTS[0]), (1, "gone"),
    ]  # fmt: skip


def test_a_small_thing_beside_a_standing_vehicle_leaves_it_alone(lane):
    lane.vehicle(TEXTS[0], 1, "zone")
    beside = draw(TEXTS[0], 1, "zone")
    cv2.rectangle(beside, (30, 300), (70, 470), (30, 30, 180), -1)
    lane.show(beside, [plate(TEXTS[0])])
    lane.vehicle(TEXTS[0], 1, "zone")
    lane.empty()
    mine = [short for short in told(lane.events) if short[0] == 1]
    assert mine == [(1, "zone", "vehicle"), (1, "read", TEXTS[0]), (1, "gone")]
    assert {short[-1] for short in told(lane.events) if short[0] == 2} >= {"person"}


@pytest.mark.parametrize(
    ("traveller", "status"), [("vehicle", ["none"]), ("bicycle", ["none"]), ("person", [])]
)
@pytest.mark.parametrize("light", [1.0, 0.45])
def test_who_it_is(lane, traveller, status, light):
    lane.empty(light=light)
    lane.vehicle(None, 5, "zone", traveller=traveller, light=light, for_s=2)
    lane.empty(light=light)
    seen = [e for e in lane.events if isinstance(e, VehicleSeen)]
    assert [(e.in_zone, e.traveller) for e in seen] == [(True, traveller)]
    assert [e.status for e in lane.events if isinstance(e, PlateRead)] == status
    assert isinstance(lane.events[-1], VehicleGone)


@pytest.mark.parametrize("traveller", ["vehicle", "bicycle"])
def test_without_a_plate_only_the_lower_half_is_kept(lane, traveller):
    """No face is recorded: a rider's is in the upper half, a driver's behind the windscreen."""
    lane.empty()
    lane.vehicle(None, 5, "zone", traveller=traveller, for_s=2)
    track = lane.watch.tracks[0]
    (read,) = [e for e in lane.events if isinstance(e, PlateRead)]
    high, wide = cv2.imdecode(np.frombuffer(read.crop, np.uint8), cv2.IMREAD_COLOR).shape[:2]
    left, top, right, bottom = track.blob.place
    whole = (bottom - top) * SIZE[1] / ((right - left) * SIZE[0])
    assert high / wide == pytest.approx(whole / 2, rel=0.05)


def test_what_has_a_plate_is_a_vehicle_however_narrow(lane):
    lane.vehicle(None, 5, "zone", traveller="bicycle", plates=[plate(TEXTS[0])])
    assert told(lane.events) == [(1, "zone", "vehicle"), (1, "read", TEXTS[0])]


def test_a_plate_lost_in_the_middle_keeps_the_best(lane):
    lane.vehicle(TEXTS[0], 1, plates=[plate(TEXTS[0], confidence=0.5)])
    for seed in range(3):
        covered = draw(TEXTS[0], 1, "zone")
        covered[340:420, 250 + seed : 390] = 90
        lane.show(covered, ())
    lane.vehicle(TEXTS[0], 1, plates=[plate(TEXTS[0])])
    lane.empty()
    assert told(lane.events) == [
        (1, "zone", "vehicle"), (1, "unsure", TEXTS[0]), (1, "read", TEXTS[0]), (1, "gone"),
    ]  # fmt: skip


def test_a_plate_that_is_read_is_not_read_again_while_nothing_changes(lane):
    before = lane.reads
    for _ in range(10):
        lane.vehicle(TEXTS[0], 1)
    assert lane.reads == before + 1


def test_an_unsure_plate_is_read_a_bounded_number_of_times():
    lane = Lane(Watch("c1", [ZONE], Rules(reads_max=3)))
    lane.empty()
    before = lane.reads
    for _ in range(10):
        lane.vehicle(TEXTS[0], 1, plates=[plate(TEXTS[0], confidence=0.4)])
    assert lane.reads == before + 2, "the same picture again gives the same answer"
    for seed in range(10):
        moved = np.roll(draw(TEXTS[0], 1), 16 + 8 * (seed % 2), axis=1)
        lane.show(moved, [plate(TEXTS[0], confidence=0.4)])
    assert lane.reads == before + 3


def test_a_seen_plate_without_a_text_is_unread_and_not_none(lane):
    lane.vehicle(None, 1, plates=[plate("", confidence=0.0)], for_s=2)
    assert told(lane.events)[-1] == (1, "unread", "")


def test_another_vehicles_plate_is_not_taken_for_this_ones(lane):
    """The waiting vehicle's plate is read, the one in the zone has none."""
    lane.vehicle(None, 1, "zone")
    lane.vehicle(None, 1, "two", plates=[plate(TEXTS[1], "far")], for_s=2)
    assert not [e for e in lane.events if isinstance(e, PlateRead) and e.text and e.track == 1]


def test_no_plate_of_the_whole_scene_beyond_the_vehicle_counts(lane):
    sign = plate(TEXTS[3])
    aside = type(sign)(
        sign.text, sign.plate_kind, sign.confidence, sign.characters, (5, 60, 90, 30), (), ()
    )
    lane.vehicle(None, 1, "zone", plates=[aside], for_s=2)
    assert told(lane.events) == [(1, "zone", "vehicle"), (1, "none", "")]


@pytest.mark.parametrize("light", [0.3, 0.6, 1.3])
def test_light_is_no_vehicle(lane, light):
    for step in np.linspace(1.0, light, 4):
        lane.empty(light=float(step))
    lane.empty(light=light)
    lane.empty()
    assert lane.events == []


def test_light_changes_while_a_vehicle_stands(lane):
    lane.vehicle(TEXTS[0], 1)
    for light in (0.8, 0.6, 0.9, 1.1):
        lane.vehicle(TEXTS[0], 1, light=light)
    lane.empty(light=1.1)
    assert told(lane.events) == [(1, "zone", "vehicle"), (1, "read", TEXTS[0]), (1, "gone")]


def test_a_started_camera_that_sees_a_vehicle_first_finds_the_lane_when_it_leaves():
    lane = Lane()
    lane.vehicle(TEXTS[0], 1, "zone")
    lane.empty()
    assert lane.events == []
    lane.vehicle(TEXTS[1], 4, "zone")
    lane.empty()
    assert told(lane.events) == [(1, "zone", "vehicle"), (1, "read", TEXTS[1]), (1, "gone")]


def test_a_vehicle_that_stands_is_not_learnt_and_a_parked_one_is():
    lane = Lane(Watch("c1", [ZONE], Rules(parked_s=100)))
    lane.empty()
    for minute in range(5):
        lane.show(draw(TEXTS[0], 1, "zone"), [plate(TEXTS[0])], for_s=15, step_s=1.0)
        assert lane.watch.tracks, minute
    for _ in range(6):
        lane.show(draw(TEXTS[0], 1, "zone"), [plate(TEXTS[0])], for_s=15, step_s=1.0)
    assert not lane.watch.tracks
    assert told(lane.events)[-1] == (1, "gone")
    before = len(lane.events)
    lane.empty()
    lane.empty()
    assert lane.events[before:] == [], "where a parked car was is no ghost"
    lane.vehicle(TEXTS[1], 4, "zone")
    assert told(lane.events[before:]) == [(2, "zone", "vehicle"), (2, "read", TEXTS[1])]


def test_a_camera_that_was_turned_away_finds_itself_again():
    lane = Lane()
    lane.empty()
    lane.vehicle(None, 2)
    lane.empty()
    elsewhere = cv2.flip(draw(where="empty", ground=7), 0)
    for _ in range(20):
        lane.show(elsewhere, (), for_s=15, step_s=1.0)
    assert not lane.watch.tracks
    before = len(lane.events)
    lane.show(elsewhere)
    assert lane.events[before:] == []


def test_a_camera_of_two_lanes_tells_each_its_own():
    left = Zone.of("in1", ((0.0, 0.5), (0.45, 0.5), (0.45, 1.0), (0.0, 1.0)))
    right = Zone.of("out1", ((0.55, 0.5), (1.0, 0.5), (1.0, 1.0), (0.55, 1.0)))
    lane = Lane(Watch("c1", [left, right], Rules()))
    road = np.full((480, 640, 3), 100, np.uint8)
    lane.show(road)
    both = road.copy()
    for x in (60, 400):
        cv2.rectangle(both, (x, 250), (x + 200, 460), (30, 30, 200), -1)
        cv2.rectangle(both, (x + 30, 280), (x + 170, 340), (10, 10, 10), -1)
    lane.show(both)
    lane.show(road)
    assert {(e.lane, e.in_zone) for e in lane.events if isinstance(e, VehicleSeen)} == {
        ("in1", True), ("out1", True),
    }  # fmt: skip
    assert {e.lane for e in lane.events if isinstance(e, VehicleGone)} == {"in1", "out1"}


@pytest.mark.parametrize("approach", ["left", "right"])
def test_the_side_of_approach_is_a_setting(approach):
    zone = Zone.of("in1", ((0.3, 0.3), (0.7, 0.3), (0.7, 1.0), (0.3, 1.0)))
    for goes_back in (True, False):
        lane = Lane(Watch("c1", [zone], Rules(approach=approach)))
        road = np.full((480, 640, 3), 100, np.uint8)
        lane.show(road)
        stays = 20 if (approach == "left") == goes_back else 440
        for x in (230, stays):
            picture = road.copy()
            cv2.rectangle(picture, (x, 200), (x + 170, 400), (30, 30, 200), -1)
            cv2.rectangle(picture, (x + 20, 220), (x + 150, 280), (10, 10, 10), -1)
            lane.show(picture)
        lane.show(road)
        (gone,) = [e for e in lane.events if isinstance(e, VehicleGone)]
        assert gone.turned == goes_back


def drive(lane: Lane, seed: int, text: str | None, step_s: float = 0.1) -> None:
    """Let a drawn vehicle roll through the lane as a video shows it."""
    spots = [(0.515 - n * 0.0008, 0.385 + n * 0.03, 0.14 + n * 0.019) for n in range(20)]
    spots += [spots[-1]] * 15 + [(0.49, 0.98 + n * 0.06, 0.52 + n * 0.03) for n in range(10)]
    looks = seed * 7 + 1
    for x, y, wide in spots:
        picture = drawing.draw_scene(None, "blue", np.random.default_rng(2), SIZE, "empty")
        scene._draw_vehicle(picture, text, "blue", np.random.default_rng(looks), (x, y, wide))
        at = (round((x - 0.15 * wide) * 640), round(y * 480 - 0.28 * wide * 640))
        found = plate(text) if text else None
        seen = []
        if found and 0 <= at[1] < 440:
            box = (*at, round(0.3 * wide * 640), round(0.1 * wide * 640))
            seen = [type(found)(text, "blue", 0.99, found.characters, box, (), ())]
        lane.show(picture, seen, for_s=step_s, step_s=step_s)


def test_a_vehicle_that_rolls_through_is_one_track(lane):
    drive(lane, 1, TEXTS[0])
    lane.empty()
    assert told(lane.events) == [
        (1, "view", "vehicle"), (1, "zone", "vehicle"), (1, "read", TEXTS[0]), (1, "gone"),
    ]  # fmt: skip


@pytest.mark.skipif(not FRAMES.is_dir(), reason="no real frames beside this checkout")
@pytest.mark.parametrize("laid", [False, True])
def test_real_photos_flashed_into_the_folder_are_one_vehicle_each(laid):
    """Each on a background of its own, with the fixed empty scene between them."""
    lane, empty = Lane(), draw(where="empty", ground=3)
    lane.show(empty)
    for path in sorted(FRAMES.glob("*.jpg"))[::6]:
        photo = cv2.imread(str(path))
        if laid:
            scale = min(640 / photo.shape[1], 480 / photo.shape[0])
            photo = cv2.resize(photo, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
            whole, left = empty.copy(), (640 - photo.shape[1]) // 2
            whole[480 - photo.shape[0] :, left : left + photo.shape[1]] = photo
            photo = whole
        high, wide = photo.shape[:2]
        known = plate(TEXTS[0])
        box = (wide * 2 // 5, high * 3 // 5, wide // 5, high // 15)
        seen = type(known)(TEXTS[0], "blue", 0.99, known.characters, box, (), ())
        before = len(lane.events)
        lane.show(photo, [seen], for_s=2.5)
        lane.show(empty)
        assert [short[1:] for short in told(lane.events[before:])] == [
            ("zone", "vehicle"), ("read", TEXTS[0]), ("gone",),
        ], path.name  # fmt: skip


def test_a_zone_without_corners_is_the_lower_half():
    zone = Zone.of("in1", ())
    assert zone.mask[:59].sum() == 0
    assert zone.mask[61:].all()
    assert DEFAULT_ZONE[0] == (0.0, 0.5)


def test_nothing_before_the_ground_is_no_blob():
    view = View(draw(where="empty"))
    assert find_blobs(Ground(view.colours).compare(view.colours)) == []


@pytest.mark.parametrize(
    "picture",
    [
        np.zeros((480, 640, 3), np.uint8),
        np.full((480, 640, 3), 255, np.uint8),
        np.random.default_rng(1).integers(0, 255, (480, 640, 3), np.uint8),
        np.zeros((17, 16, 3), np.uint8),
    ],
    ids=["black", "white", "noise", "tiny"],
)
def test_any_picture_is_taken(lane, picture):
    """What a broken camera sends may look like something; it must not end the process."""
    lane.show(picture)
    lane.show(picture)
    lane.empty()
    lane.empty()
    assert not lane.watch.tracks
