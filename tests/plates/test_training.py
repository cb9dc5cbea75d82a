"""Training: what may be learnt from, and that the nets learn; the latter where torch is."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from gateway.plates.alphabet import NEWEST
from gateway.plates.grammar import KINDS
from gateway.plates.look import ROW, SIZE, TALL, laid, levelled
from gateway.plates.tesseract import AS_IT_IS, OWN
from tests.plates.lessons import write_data
from training.data import MISLABELLED, ValidationLeak, check_apart, load_crops, validation_texts
from training.drawing import SHAPES, draw_plate, random_plate, wear
from training.layouts import TWO_LINES, cells_of
from training.samples import Doubles, Studio
from training.wear import boxed_corners

PYTHON = os.environ.get("GATEPOST_TRAINING_PYTHON", sys.executable)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data") / "data"
    write_data(folder)
    return folder


def test_no_validation_plate_is_trained_on_though_a_crop_bears_its_text(tmp_path):
    kept_apart = write_data(tmp_path / "data", leaked=5)
    assert validation_texts(tmp_path / "data") == kept_apart
    trained = _lessons(tmp_path / "data")
    assert len(trained) == 35
    assert not kept_apart & set(trained)


def test_a_crop_whose_label_names_another_plate_is_no_lesson(tmp_path):
    write_data(tmp_path / "data")
    index = tmp_path / "data/train_crops/index.csv"
    before = _lessons(tmp_path / "data")
    last = index.read_text(encoding="utf-8").splitlines()[-1].split(",")[0]
    wrong = MISLABELLED.read_text(encoding="utf-8").split()[0]
    (index.parent / last).rename(index.parent / wrong)
    index.write_text(
        index.read_text(encoding="utf-8").replace(f"\n{last},", f"\n{wrong},"), encoding="utf-8"
    )
    assert len(_lessons(tmp_path / "data")) == len(before) - 1


def test_a_plate_that_slopes_fills_its_upright_box():
    for seed in range(200):
        corners = boxed_corners(np.random.default_rng(seed), SIZE, 0.0)
        low, top = corners.min(0) / SIZE, corners.max(0) / SIZE
        assert (abs(low) <= 0.06).all(), "no more than a little is left or lost at the sides"
        assert (abs(top - 1) <= 0.06).all()
        (left, right, _, lowest) = corners
        assert (lowest[1] - left[1]) / SIZE[1] > 0.3
        assert left[0] < right[0]


def _lessons(folder):
    return [crop.text for held in (False, True) for crop in load_crops(folder, held_out=held)]


def test_a_leak_stops_training_also_where_an_o_is_written_as_a_0():
    with pytest.raises(ValidationLeak, match="1 plates of the validation sets"):
        check_apart(["鲁A12345", "粤0A2160"], frozenset({"粤OA2160"}))
    check_apart(["鲁A12345"], frozenset({"粤OA2160"}))


def test_the_studio_makes_every_kind_of_lesson_and_the_same_from_a_seed(data):
    first, second = (next(Studio(data, 5).batches(48)) for _ in range(2))
    for one, other in zip(first, second, strict=True):
        assert np.array_equal(one, other, equal_nan=one.dtype.kind == "f")
    pictures, places, corners, _, lines = first
    assert pictures.shape == (48, SIZE[1], SIZE[0], 3)
    assert places.max() < len(NEWEST.classes)
    assert {-1, 0, 1} >= set(lines.tolist()) > {0}
    assert 0 < np.isnan(corners[:, 0]).sum() < 48
    assert (places.sum(axis=1) == 0).sum() >= 1
    assert not (next(Studio(data, 6).batches(4))[0] == pictures[:4]).all()


def test_the_lessons_of_two_lines_are_rows_of_every_such_kind(data):
    pictures, places, corners, _, lines = next(Doubles(data, 5).batches(96))
    assert pictures.shape == (96, ROW[1], ROW[0], 3)
    assert np.isnan(corners).all(), "of the plate in a row nobody asks where it is"
    assert set(lines.tolist()) == {-1}
    texts = ["".join(NEWEST.classes[name] for name in names) for names in places]
    kinds = {kind for text in texts for kind in NEWEST.kinds_of(text)}
    assert {kind for kind in KINDS if TWO_LINES & set(SHAPES[kind])} <= kinds


@pytest.mark.parametrize("kind", KINDS)
def test_every_shape_of_a_kind_holds_its_text_within_the_plate(kind):
    rng = np.random.default_rng(8)
    for shape in SHAPES[kind]:
        for _ in range(6):
            text, _ = random_plate(rng, kind)
            (width, height), cells = cells_of(text, kind, shape)
            assert len(cells) == len(text)
            for left, top, wide, high in cells:
                assert 0 < left < left + wide < width
                assert 0 < top < top + high < height
            across = [left for left, top, *_ in cells]
            assert (sorted(across) == across) == (shape not in TWO_LINES)
            face = draw_plate(text, kind, rng, shape=shape)
            assert face.shape == (height, width, 3)


def test_two_lines_are_laid_side_by_side_with_every_character_whole():
    rng = np.random.default_rng(9)
    for kind, shape in (("trailer", "rear"), ("yellow", "motorcycle"), ("tractor", "slow")):
        text, _ = random_plate(rng, kind)
        (width, height), cells = cells_of(text, kind, shape)
        mask = np.zeros((height, width, 3), np.uint8)
        for left, top, wide, high in cells:
            mask[int(top) : int(top + high), int(left) : int(left + wide)] = 255
        row = laid(cv2.resize(mask, TALL))
        assert row.shape == (ROW[1], ROW[0], 3)
        edges = np.diff((row[24, :, 0] > 127).astype(int))
        assert (edges == 1).sum() + (row[24, 0, 0] > 127) == len(text), (kind, shape)


CURVE = (
    "import sys, json, torch; curve = torch.load(sys.argv[1])['curve'];"
    "print(json.dumps([point['loss'] for point in curve]))"
)


def _ran(*command):
    root, words = Path(__file__).parents[2], [str(each) for each in command]
    return subprocess.run(words, check=False, cwd=root, capture_output=True, text=True, timeout=280)


def _train(data, work, *more):
    return _ran(
        PYTHON, "-m", "training", "all", "--data", data, "--work", work, "--out", work / "out",
        "--workers", 1, "--size", "small", "--batch", 16, "--each", 1, *more,
    )  # fmt: skip


def _has_torch() -> bool:
    return (
        shutil.which(PYTHON) is not None and not _ran(PYTHON, "-c", "import torch, onnx").returncode
    )


RESTORED = """
import numpy as np, torch
from gateway.plates.model import FOLDER, open_models
from training.net import HEIGHT, WIDTH, Finder, Recogniser
from training.restore import restore
torch.manual_seed(3)
shown = torch.rand(16, 3, HEIGHT, WIDTH)
models = open_models(runtime="opencv")
recogniser, finder = Recogniser("small"), Finder()
anew = restore(recogniser, FOLDER / "recogniser.onnx", shown)
street = torch.rand(4, 3, 96, 192)
assert not restore(finder, FOLDER / "finder.onnx", street)
with torch.no_grad():
    mine = [each[:1].numpy() for each in recogniser(shown)]
    found = finder(street)[:1].numpy()
theirs = models.recogniser.run(shown[:1].numpy())
for one, other in zip(mine, theirs):
    assert np.abs(one[..., : other.shape[-1]] - other).max() < 1e-3
assert np.abs(found - models.finder.run(street[:1].numpy())[0]).max() < 1e-3
known = theirs[0].shape[-1]
assert known == mine[0].shape[-1] or mine[0][..., known:].max() < theirs[0].max()
try:
    restore(Finder(), FOLDER / "recogniser.onnx", street)
except ValueError as refused:
    print(anew, refused)
else:
    raise SystemExit("the recogniser's file was taken for the detector's")
"""


def test_an_exported_net_taken_back_says_what_its_file_says():
    if not _has_torch():
        pytest.skip("no torch here: name a Python that has it in GATEPOST_TRAINING_PYTHON")
    done = _ran(PYTHON, "-c", RESTORED)
    assert done.returncode == 0, done.stderr
    assert "recogniser.onnx is of another net" in done.stdout


def test_training_learns_goes_on_after_a_slice_and_ends_in_model_files(data, tmp_path):
    if not _has_torch():
        pytest.skip("no torch here: name a Python that has it in GATEPOST_TRAINING_PYTHON")
    work = tmp_path / "work"
    first = _train(data, work, "--steps", "60", "--slice-s", "1")
    assert first.returncode == 3, first.stderr
    assert (work / "finder.pt").exists()
    second = _train(data, work, "--steps", "60")
    assert second.returncode == 0, second.stderr
    for name in ("finder", "recogniser", "double"):
        kept = _ran(PYTHON, "-c", CURVE, work / f"{name}.pt")
        losses = json.loads(kept.stdout)
        assert len(losses) == 10
        assert sum(losses[-3:]) < sum(losses[:3]), (name, losses)
    assert (work / "recogniser.svg").read_text().startswith("<svg")
    assert {path.name for path in (work / "out").iterdir()} == {
        "finder.onnx", "recogniser.onnx", "double.onnx", "line.onnx", "plate.traineddata",
        "models.json",
    }  # fmt: skip
    shown = [line for line in second.stdout.splitlines() if "%" in line]
    assert len(shown) >= len(KINDS)


def test_training_ends_when_what_draws_has_died(tmp_path):
    """As it does where a validation plate slipped in, or a picture is none: no waiting for ever."""
    if not _has_torch():
        pytest.skip("no torch here: name a Python that has it in GATEPOST_TRAINING_PYTHON")
    write_data(tmp_path / "data")
    for file in (tmp_path / "data/car_frames").glob("*.jpg"):
        file.write_bytes(b"")
    done = _ran(
        PYTHON, "-m", "training", "recogniser", "--data", tmp_path / "data",
        "--work", tmp_path / "work", "--workers", 1, "--size", "small", "--steps", 60,
    )  # fmt: skip
    assert done.returncode == 1
    assert "DrawingEnded" in done.stderr


def test_the_second_reader_learns_goes_on_from_its_file_and_tesseract_opens_it(data, tmp_path):
    if not _has_torch():
        pytest.skip("no torch here: name a Python that has it in GATEPOST_TRAINING_PYTHON")
    command = (
        PYTHON, "-m", "training", "tesseract", "--data", data, "--workers", 1, "--batch", 8,
        "--steps", 20,
    )  # fmt: skip
    out = tmp_path / "out"
    first = _ran(*command, "--work", tmp_path / "work", "--out", out, "--slice-s", 1)
    assert first.returncode == 3, first.stderr
    assert (tmp_path / "work/tesseract.pt").exists()
    assert (out / "line.onnx").exists()
    second = _ran(*command, "--work", tmp_path / "work", "--out", out)
    assert second.returncode == 0, second.stderr
    kept = json.loads(_ran(PYTHON, "-c", CURVE, tmp_path / "work/tesseract.pt").stdout)
    assert kept[-1] < kept[0]
    third = _ran(*command, "--work", tmp_path / "anew", "--out", out, "--start", out)
    assert third.returncode == 0, third.stderr
    assert "plate.traineddata taken back" in third.stdout
    if shutil.which("tesseract"):
        shown = tmp_path / "shown.png"
        cv2.imwrite(str(shown), np.zeros((48, 168, 3), np.uint8))
        told = _ran("tesseract", shown, "-", "--tessdata-dir", out, "-l", "plate", "--psm", 13)
        assert told.returncode == 0, told.stderr


SAME_NET = """
import numpy as np, torch
from gateway.plates.line import by_fours
from gateway.plates.model import FOLDER, SECOND, open_models
from training.linenet import Bare, LineReader
torch.manual_seed(4)
shown = torch.rand(16, 3, 48, 168)
net = LineReader()
net.take_back((FOLDER / SECOND).read_bytes(), shown)
row = np.random.default_rng(4).integers(0, 256, (48, 168, 3), np.uint8)
with torch.no_grad():
    mine = Bare(net.eval()).eval()(torch.from_numpy(by_fours(row))).numpy()
theirs = open_models(runtime="opencv").line.run(by_fours(row))[0]
print(np.abs(mine - theirs).max(), (mine.argmax(2) == theirs.argmax(2)).mean())
"""


def test_the_line_net_is_the_net_that_tesseract_is_given():
    """As nearly as the bytes say that Tesseract's file keeps of its weights."""
    if not _has_torch():
        pytest.skip("no torch here: name a Python that has it in GATEPOST_TRAINING_PYTHON")
    done = _ran(PYTHON, "-c", SAME_NET)
    assert done.returncode == 0, done.stderr
    apart, same = (float(word) for word in done.stdout.split())
    assert apart < 1
    assert same > 0.95


SAME = """
import sys
import cv2, numpy as np, torch
from pathlib import Path
from gateway.plates.look import levelled
from training.linenet import LineReader
from training.lines import texts_of
folder = Path(sys.argv[1])
pictures = np.stack([cv2.imread(str(file)) for file in sorted(folder.glob("*.png"))])
x = torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 255
net = LineReader()
net.take_back(Path(sys.argv[2]).read_bytes(), x)
with torch.no_grad():
    print("\\n".join(texts_of(net.eval()(x))))
"""


def test_torch_and_tesseract_say_the_same_of_the_same_weights(tmp_path):
    if not _has_torch():
        pytest.skip("no torch here: name a Python that has it in GATEPOST_TRAINING_PYTHON")
    if not shutil.which("tesseract"):
        pytest.skip("tesseract is not installed")
    rng, count = np.random.default_rng(21), 40
    for number in range(count):
        text, kind = random_plate(rng, "blue")
        crop = wear(draw_plate(text, kind, rng), rng, SIZE, 0.3)
        cv2.imwrite(str(tmp_path / f"{number:02}.png"), levelled(crop))
    mine = _ran(PYTHON, "-c", SAME, tmp_path, OWN).stdout.split("\n")
    (tmp_path / "list").write_text("".join(f"{tmp_path}/{n:02}.png\n" for n in range(count)))
    theirs = _ran(
        "tesseract", tmp_path / "list", "-", "--tessdata-dir", OWN.parent, "-l", "plate",
        *AS_IT_IS.split(), "-c", "page_separator=|",
    ).stdout.split("|")  # fmt: skip
    same = [one == other.strip() for one, other in zip(mine, theirs, strict=False)][:count]
    assert sum(same) >= 0.95 * count
