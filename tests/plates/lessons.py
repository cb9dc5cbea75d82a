"""A small folder of training data that the project draws itself, in the public folders' layout."""

import csv
from pathlib import Path

import cv2
import numpy as np

from training.drawing import draw_plate, draw_scene, random_plate, wear


def write_index(file: Path, columns: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w", encoding="utf-8", newline="") as out:
        csv.writer(out).writerows([columns, *rows])


def write_data(folder: Path, leaked: int = 2) -> set[str]:
    """Write every folder that training reads; gives the validation texts, some of them leaked."""
    rng = np.random.default_rng(77)
    (folder / "train_crops").mkdir(parents=True)
    rows = []
    for number in range(40):
        text, kind = random_plate(rng)
        crop = wear(draw_plate(text, kind, rng), rng, (120, 36), 0.3)
        cv2.imwrite(str(folder / f"train_crops/{number}.jpg"), crop)
        rows.append((f"{number}.jpg", text, "blue", "drawn"))
    write_index(folder / "train_crops/index.csv", ("file", "label", "plate_colour", "source"), rows)
    kept_apart = {row[1] for row in rows[:leaked]} | {"鲁A00001", "鲁A00002"}
    for name, texts in (("dev_crops", rows[:leaked]), ("dev_frames", [("", "鲁A00001|鲁A00002")])):
        listed = [("x.jpg", row[1]) for row in texts]
        write_index(folder / name / "index.csv", ("file", "label"), listed)
    (folder / "no_plate_patches").mkdir()
    (folder / "car_frames").mkdir()
    for number in range(3):
        scene = draw_scene(None, "blue", rng, where="empty", ground=number)
        cv2.imwrite(str(folder / f"car_frames/{number}.jpg"), scene)
        cv2.imwrite(str(folder / f"no_plate_patches/{number}.jpg"), scene[:48, :168])
    boxes = [(f"{number}.jpg", "0.5,0.6,0.2,0.08") for number in range(3)]
    write_index(folder / "car_frames/index.csv", ("file", "plate_boxes_cx_cy_w_h_relative"), boxes)
    (folder / "ga36_glyphs/font_model").mkdir(parents=True)
    return kept_apart
