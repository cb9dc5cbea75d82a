"""Pack the training data small enough to travel: the same folders, pictures as smaller JPEG.

Of the validation sets only the labels go along: they are kept out by text, not trained on.
"""

import shutil
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from gateway.plates.picture import within
from training.data import VALIDATION

PACKED: Final = {"train_crops": 80, "car_frames": 30, "no_plate_patches": 80}
"""JPEG quality by folder."""
CROP_WIDE: Final = 256
"""The recogniser looks at 168 columns: larger crops travel smaller."""
AS_IT_IS: Final = ("ga36_glyphs/font_model",)


def pack(data: Path, out: Path) -> None:
    """Write the packed folders, with the file names of the indexes; print how large they are."""
    for name, quality in PACKED.items():
        (out / name).mkdir(parents=True, exist_ok=True)
        for path in sorted((data / name).iterdir()):
            picture = cv2.imread(str(path))
            if picture is None:
                shutil.copy(path, out / name)
                continue
            if name == "train_crops":
                picture, _ = within(np.asarray(picture, np.uint8), CROP_WIDE)
            how = [cv2.IMWRITE_JPEG_QUALITY, quality]
            # Under its own name, whatever its ending: it is read by its content.
            (out / name / path.name).write_bytes(bytes(cv2.imencode(".jpg", picture, how)[1]))
    for name in AS_IT_IS:
        shutil.copytree(data / name, out / name, dirs_exist_ok=True)
    for name in VALIDATION:
        (out / name).mkdir(parents=True, exist_ok=True)
        shutil.copy(data / name / "index.csv", out / name)
    total = sum(path.stat().st_size for path in out.rglob("*") if path.is_file())
    print(f"{out}: {total / 2**20:.1f} MiB")
