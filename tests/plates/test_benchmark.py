"""The benchmark's figures, by hand-made readers and by the real one."""

import csv
import json

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from gateway.plates.benchmark import (
    Row,
    answer_all,
    distance,
    figures_of,
    load_index,
    reference_ms,
    voted,
)
from gateway.plates.cli import plates
from gateway.plates.reader import Plate
from gateway.plates.reliability import bins_of, calibration_error, curve
from training.drawing import draw_plate, draw_scene, random_plate, wear


class Parrot:
    """Says what it was told to, picture by picture."""

    name = "parrot"
    accept = 0.9

    def __init__(self, *says):
        self.says = iter(says)

    def read(self, picture, region=()):
        assert picture.ndim == 3
        return tuple(
            Plate(text, "blue", sure, (), (0, 0, 1, 1), (), ()) for text, sure in next(self.says)
        )


def write_index(folder, rows, columns=("file", "label", "note")):
    index = folder / "index.csv"
    with index.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(columns)
        writer.writerows(rows)
    return index


@pytest.fixture
def grey_index(tmp_path):
    cv2.imwrite(str(tmp_path / "grey.png"), np.full((48, 168, 3), 90, np.uint8))
    labels = ["鲁A12345", "鲁A12345", "鲁A12345|苏B00000", "鲁A12345", "鲁A12345"]
    return write_index(tmp_path, [("grey.png", label, "") for label in labels])


def test_figures_are_what_a_hand_count_says(grey_index):
    reader = Parrot(
        [("鲁A12345", 0.95)],  # right, accepted
        [("鲁A12346", 0.92)],  # wrong, accepted
        [("", 0.0), ("苏B00000", 0.5)],  # right by the second label, unsure
        [("浙A12345", 0.4)],  # right but for its province
        [],  # nothing
    )
    figures = figures_of(reader, answer_all(reader, grey_index))
    assert figures["n"] == 5
    assert figures["exact"] == 40.0
    assert figures["exact_without_province"] == 60.0
    assert figures["characters"] == round(100 * (1 + 6 / 7 + 1 + 6 / 7 + 0) / 5, 2)
    assert figures["unread"] == 20.0
    assert figures["answered"] == 40.0
    assert figures["answered_right"] == 50.0
    assert figures["answered_wrong"] == 1
    assert figures["not_pictures"] == 0


def test_pictures_of_one_vehicle_are_voted_on(tmp_path):
    cv2.imwrite(str(tmp_path / "grey.png"), np.full((48, 168, 3), 90, np.uint8))
    cars = [("鲁A12345", "a")] * 3 + [("苏B00000", "b")] * 3 + [("浙C11111", "c")] * 2
    rows = [("grey.png", *car) for car in cars]
    index = write_index(tmp_path, rows, ("file", "label", "sequence"))
    says = [("鲁A12345", 0.9), ("鲁A1234S", 0.8), ("鲁A12345", 0.3)]  # the vote is right
    says += [("苏B00001", 0.9), ("苏B00001", 0.9), ("苏B00000", 0.9)]  # the vote is wrong
    says += [("浙C11111", 0.9)] * 2  # two pictures are no vote
    answers = answer_all(Parrot(*[[each] for each in says]), index)
    assert voted(answers) == (2, 1)


def test_the_time_is_the_least_of_the_runs_and_the_reference_net_takes_some(grey_index):
    reader = Parrot(*[[("鲁A12345", 0.95)]] * 15)
    answers = answer_all(reader, grey_index, repeat=3)
    assert len(answers) == 5
    assert next(reader.says, None) is None
    assert reference_ms("opencv") > 0.5


def test_confidences_that_mean_what_they_say_have_no_error():
    assert calibration_error(bins_of([0.75] * 4, [True, True, True, False])) == 0.0
    assert calibration_error(bins_of([0.9, 0.9], [False, False])) == 0.9
    assert calibration_error(bins_of([], [])) is None
    bins = bins_of([0.05, 0.1, 1.0], [False, True, True])
    assert [each.count for each in bins] == [1, 1, 1]
    assert "<svg" in curve({"whole": bins})


def test_nothing_accepted_has_no_share_right(grey_index):
    reader = Parrot(*[[("鲁A12345", 0.1)]] * 5)
    figures = figures_of(reader, answer_all(reader, grey_index))
    assert figures["answered"] == 0.0
    assert figures["answered_right"] is None


def test_the_thread_count_is_one_while_measuring_and_as_before_after(grey_index):
    seen = []

    class Counter(Parrot):
        def read(self, picture, region=()):
            seen.append(cv2.getNumThreads())
            return ()

    before = cv2.getNumThreads()
    answer_all(Counter(), grey_index)
    assert set(seen) == {1}
    assert cv2.getNumThreads() == before


@pytest.mark.parametrize(
    ("first", "second", "edits"),
    [("", "", 0), ("鲁A1", "", 3), ("鲁A12345", "鲁A12345", 0), ("鲁A1234", "鲁A12345", 1),
     ("鲁12345", "鲁A12345", 1), ("苏B12345", "鲁A12345", 2)],
)  # fmt: skip
def test_distance_counts_edits(first, second, edits):
    assert distance(first, second) == distance(second, first) == edits


def test_columns_beyond_file_and_label_are_ignored(tmp_path):
    index = write_index(tmp_path, [("x", "a.png", "鲁A12345", "y")], ("p", "file", "label", "q"))
    assert load_index(index) == [Row("a.png", ("鲁A12345",))]


# --- The commands -----------------------------------------------------------------------------

KEYS = {
    "n", "exact", "exact_without_province", "characters", "unread", "cpu_ms_median", "cpu_ms_p95",
    "rss_mb", "answered", "answered_right", "reference_ms", "calibration_error", "sequences",
}  # fmt: skip


def run(*arguments):
    return CliRunner().invoke(plates, [str(each) for each in arguments])


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    folder = tmp_path_factory.mktemp("drawn")
    rng, rows = np.random.default_rng(11), []
    for number in range(6):
        text, kind = random_plate(rng, "blue")
        crop = wear(draw_plate(text, kind, rng), rng, (94, 24), 0.2)
        scene = draw_scene(text, kind, rng, ground=number)
        for name, picture in (("crop", crop), ("scene", scene)):
            cv2.imwrite(str(folder / f"{name}{number}.png"), picture)
            rows.append((f"{name}{number}.png", text, "drawn"))
    return write_index(folder, rows)


def test_benchmark_prints_every_figure_as_one_json_object(drawn):
    result = run("benchmark", drawn, "--json", "--repeat", 1)
    assert result.exit_code == 0, result.stderr
    figures = json.loads(result.stdout)
    assert set(figures) >= KEYS
    assert figures["n"] == 12
    assert figures["exact"] >= 75
    assert figures["unread"] <= 10
    assert 0 < figures["cpu_ms_median"] <= figures["cpu_ms_p95"]
    assert figures["rss_mb"] > 20


def test_benchmark_says_its_figures_in_words(drawn):
    result = run("benchmark", drawn, "--repeat", 1)
    assert result.exit_code == 0
    assert "12 pictures, reader net" in result.stdout
    assert "whole plate right" in result.stdout


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (None, "no index"),
        ("", "no columns"),
        ("picture,text\na.png,x\n", "no columns"),
        ("file,label\n", "lists no pictures"),
        (b"\xff\xfe\x00file", "no index"),
    ],
)
def test_an_index_that_is_none_is_wrong_use(tmp_path, content, fault):
    index = tmp_path / "index.csv"
    if content is not None:
        index.write_bytes(content if isinstance(content, bytes) else content.encode())
    result = run("benchmark", index)
    assert result.exit_code == 2
    assert fault in result.stderr


def test_files_that_are_no_pictures_count_as_unread_and_fail_the_command(tmp_path):
    (tmp_path / "words.jpg").write_text("no picture")
    index = write_index(tmp_path, [("words.jpg", "鲁A12345", ""), ("gone.jpg", "鲁A12345", "")])
    result = run("benchmark", index, "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["unread"] == 100.0
    assert json.loads(result.stdout)["not_pictures"] == 2


def test_a_row_without_a_label_is_not_right_by_being_unread(tmp_path):
    index = write_index(tmp_path, [("gone.jpg", "", "")])
    result = run("benchmark", index, "--json")
    assert json.loads(result.stdout)["exact"] == 0.0
    assert "the first: 'gone.jpg'" in result.stderr


def test_read_gives_an_object_a_line(drawn):
    files = sorted(drawn.parent.glob("scene*.png"))[:2]
    result = run("read", *files, "--json")
    assert result.exit_code == 0
    shown = [json.loads(line) for line in result.stdout.splitlines()]
    assert [each["file"] for each in shown] == [str(file) for file in files]
    for each in shown:
        assert set(each) == {"file", "plates", "ms"}
        plate = each["plates"][0]
        assert set(plate) >= {"plate", "confidence", "box", "candidates"}
        assert len(plate["box"]) == 4
        assert plate["candidates"][0][0] == plate["plate"]
        assert 0 < plate["confidence"] <= 1
        assert each["ms"] > 0


def test_read_goes_on_after_a_file_that_is_no_picture_and_fails(drawn, tmp_path):
    words, empty = tmp_path / "words.jpg", tmp_path / "empty.jpg"
    words.write_text("no picture")
    empty.touch()
    good = drawn.parent / "scene0.png"
    result = run("read", words, empty, tmp_path / "gone.jpg", tmp_path, good, "--json")
    assert result.exit_code == 1
    shown = [json.loads(line) for line in result.stdout.splitlines()]
    faults = ["is no picture", "is no picture", "is missing", "is no picture", None]
    assert [each.get("error") for each in shown] == faults
    assert shown[-1]["plates"]
    assert f"{words}: is no picture" in result.stderr


def test_read_says_plainly_when_there_is_no_plate(tmp_path):
    cv2.imwrite(str(tmp_path / "black.png"), np.zeros((480, 640, 3), np.uint8))
    result = run("read", tmp_path / "black.png")
    assert result.exit_code == 0
    assert "no plate read" in result.stdout


@pytest.mark.parametrize(
    "arguments", [("read",), ("read", "a.png", "--reader", "x"), ("benchmark",), ("guess",)]
)
def test_wrong_use_is_told_apart_from_failure(arguments):
    assert run(*arguments).exit_code == 2


def test_pictures_for_people_are_written(drawn, tmp_path):
    scenes = sorted(drawn.parent.glob("scene*.png"))[:2]
    assert run("read", scenes[0], "--annotate", tmp_path / "one.png").exit_code == 0
    before, after = (cv2.imread(str(file)) for file in (scenes[0], tmp_path / "one.png"))
    assert before.shape == after.shape
    assert 0.001 < (before != after).any(axis=2).mean() < 0.2
    assert run("read", *scenes, "--annotate", tmp_path / "many").exit_code == 0
    assert {each.stem for each in (tmp_path / "many").iterdir()} == {each.stem for each in scenes}
    assert run("read", scenes[0], "--annotate", tmp_path / "one.words").exit_code == 2


def test_pictures_of_one_name_are_drawn_beside_each_other(tmp_path):
    files = [tmp_path / folder / name for folder in "abc" for name in ("1.png", "1.jpg")]
    for file in files:
        file.parent.mkdir(exist_ok=True)
        cv2.imwrite(str(file), np.zeros((20, 20, 3), np.uint8))
    assert run("read", *files, "--annotate", tmp_path / "out").exit_code == 0
    assert len(list((tmp_path / "out").iterdir())) == len(files)


@pytest.mark.parametrize(
    ("pictures", "out"),
    [
        (("a.png",), "a.png"),
        (("a.png",), "."),
        (("b.jpg", "a.png"), "."),
        (("a.png", "b.jpg"), "b.jpg"),
        (("a.png",), "none/out.png"),
        (("a.png",), "out.words"),
    ],
)
def test_nothing_is_drawn_over_what_is_read_or_where_nothing_can_be(
    tmp_path, monkeypatch, pictures, out
):
    monkeypatch.chdir(tmp_path)
    for name in ("a.png", "b.jpg"):
        cv2.imwrite(name, np.zeros((20, 20, 3), np.uint8))
    before = {each.name: each.read_bytes() for each in tmp_path.iterdir()}
    result = run("read", *pictures, "--annotate", out)
    assert result.exit_code == 2
    assert out in result.stderr
    assert not result.stdout, "it is said before anything is read"
    assert {each.name: each.read_bytes() for each in tmp_path.iterdir()} == before


def test_the_benchmark_draws_its_misses_and_its_reliability(drawn, tmp_path):
    crops = sorted(drawn.parent.glob("crop*.png"))[:2]
    index = write_index(tmp_path, [(str(each), "鲁A00000") for each in crops])
    result = run("benchmark", index, "--repeat", 1, "--misses", tmp_path / "m.png",
                 "--plot", tmp_path / "r.svg")  # fmt: skip
    assert result.exit_code == 0, result.stderr
    sheet = cv2.imread(str(tmp_path / "m.png"))
    assert sheet.shape == (150, 1200, 3)
    assert sheet[:, :300].std() > 20
    assert "expected calibration error" in (tmp_path / "r.svg").read_text()


@pytest.mark.parametrize(
    ("option", "name"),
    [
        ("--misses", "m.xyz"),
        ("--misses", "none/m.png"),
        ("--plot", "r.png"),
        ("--plot", "none/r.svg"),
    ],
)
def test_where_nothing_can_be_drawn_is_said_before_anything_is_read(tmp_path, option, name):
    result = run("benchmark", tmp_path / "no index.csv", option, tmp_path / name)
    assert result.exit_code == 2
    assert f"Invalid value for '{option}'" in result.stderr


@pytest.mark.parametrize(
    "region",
    ["", "0,0 1,1", "0,0 1,0 1", "0,0 2,0 1,1", "a,b c,d e,f", "0,nan 1,0 1,1", "nan,0 1,0 1,1"],
)
def test_a_region_that_is_none_is_wrong_use(drawn, region):
    assert run("read", drawn.parent / "scene0.png", "--region", region).exit_code == 2
