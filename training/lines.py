"""Train `plate.traineddata`, the second reader: an LSTM of Tesseract's own, from scratch, on lines.

Debian's `tesseract-ocr` has the programs. Lines are drawn plates of every kind and the training
crops, as multi-page TIFFs with WordStr boxes; `combine_lang_model` needs radical-stroke.txt and the
unicharsets of DATA/tesseract. Resumable: `lstmtraining` goes on from its own checkpoint.
"""

import shutil
import subprocess  # Tesseract's programs, by the names of PROGRAMS.
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from gateway.plates.alphabet import NEWEST
from gateway.plates.look import LINE
from training.data import load_crops, standard_glyphs, validation_texts
from training.glyphs import BUILT_IN, Picture
from training.layouts import TWO_LINES, shape_of
from training.samples import FONT, drawn_crop, face_of
from training.texts import LESSONS, random_plate

SEED: Final = 6006
PAGES: Final = 200
"""Lines a file."""
FILES: Final = 60
HELD: Final = 3
"""Files kept for evaluation."""
NET: Final = "[1,48,0,1 Ct3,3,16 Mp3,3 Lfys48 Lfx96 Lrx96 Lfx128 O1c{classes}]"
RATE: Final = "0.002"
PROGRAMS: Final = ("tesseract", "lstmtraining", "combine_lang_model", "unicharset_extractor")


def lines(data: Path, seed: int) -> Iterator[tuple[Picture, str]]:
    """Give grey lines without end: three drawn ones to a real one."""
    rng, apart = np.random.default_rng(seed), validation_texts(data)
    crops, glyphs = load_crops(data), standard_glyphs(data)
    while True:
        if rng.random() < 0.25:
            crop = crops[int(rng.integers(0, len(crops)))]
            picture, text = crop.picture, crop.text
        else:
            text, kind = random_plate(rng, None, LESSONS)
            if text in apart:
                continue
            shape = shape_of(kind, rng)
            face = face_of(text, kind, shape, rng, BUILT_IN if rng.random() < FONT else glyphs)
            strength = float(rng.uniform(0.0, 0.6))
            picture, _ = drawn_crop(rng, face, strength, None, cut=shape in TWO_LINES)
        grey = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
        yield np.asarray(cv2.resize(grey, LINE, interpolation=cv2.INTER_CUBIC), np.uint8), text


def write_file(stem: Path, made: Iterator[tuple[Picture, str]]) -> None:
    """Write PAGES lines as a TIFF of pages, and their boxes."""
    width, height = LINE
    pictures, boxes = [], []
    for page in range(PAGES):
        picture, text = next(made)
        pictures.append(picture)
        boxes.append(f"WordStr 0 0 {width} {height} {page} #{text}")
        boxes.append(f"\t {width + 1} 0 {width + 2} {height} {page}")
    cv2.imwritemulti(f"{stem}.tif", pictures)
    stem.with_suffix(".box").write_text("\n".join(boxes) + "\n", encoding="utf-8")


def run(*command: object) -> None:
    """Run one of Tesseract's programs; raises CalledProcessError with what it said."""
    subprocess.run([str(each) for each in command], check=True)  # noqa: S603 - PROGRAMS only.


def starter(data: Path, work: Path) -> Path:
    """Make the model that training starts from: the alphabet, and no weights."""
    text = work / "alphabet.txt"
    text.write_text("\n".join(NEWEST.characters) + "\n", encoding="utf-8")
    run("unicharset_extractor", "--output_unicharset", work / "unicharset", "--norm_mode", 1, text)
    run("combine_lang_model", "--input_unicharset", work / "unicharset", "--script_dir",
        data / "tesseract", "--output_dir", work, "--lang", "plate")  # fmt: skip
    return work / "plate/plate.traineddata"


def prepare(data: Path, work: Path) -> None:
    """Draw the lines and cut them into Tesseract's own form, as far as that is not done."""
    for number in range(FILES):
        stem = work / f"lines{number:03}"
        if stem.with_suffix(".lstmf").exists():
            continue
        # Each file from a seed of its own, so that going on draws what was to come.
        made = lines(data, SEED + number)
        write_file(stem, made)
        run("tesseract", f"{stem}.tif", stem, "--psm", 13, "lstm.train")
        stem.with_suffix(".tif").unlink()
    names = [f"{work / f'lines{number:03}.lstmf'}" for number in range(FILES)]
    (work / "held.txt").write_text("\n".join(names[:HELD]) + "\n", encoding="utf-8")
    (work / "train.txt").write_text("\n".join(names[HELD:]) + "\n", encoding="utf-8")


def train_lines(data: Path, work: Path, out: Path, steps: int, slice_s: float) -> None:
    """Train for so many iterations, or until the slice ends; then write the model out."""
    missing = [name for name in PROGRAMS if shutil.which(name) is None]
    if missing:
        raise SystemExit(f"{missing[0]} is missing: apt-get install tesseract-ocr")
    work = work / "tesseract"
    work.mkdir(parents=True, exist_ok=True)
    begun = work / "plate/plate.traineddata"
    begun = begun if begun.exists() else starter(data, work)
    prepare(data, work)
    kept = work / "kept_checkpoint"
    command = [
        "lstmtraining", "--traineddata", begun, "--model_output", work / "kept",
        "--train_listfile", work / "train.txt", "--eval_listfile", work / "held.txt",
        "--max_iterations", steps, "--learning_rate", RATE,
    ]  # fmt: skip
    if kept.exists():
        command += ["--continue_from", kept]
    else:
        # Its own count of classes replaces the one in the net's words.
        command += ["--net_spec", NET.format(classes=len(NEWEST.classes) + 1)]
    try:
        subprocess.run(  # noqa: S603 - PROGRAMS only.
            [str(each) for each in command], check=True,
            timeout=None if slice_s == float("inf") else slice_s,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        print("The slice is over; the same command goes on from the checkpoint.")
    run("lstmtraining", "--stop_training", "--convert_to_int", "--continue_from", kept,
        "--traineddata", begun, "--model_output", out / "plate.traineddata")  # fmt: skip
    print(f"{out / 'plate.traineddata'}: export again, so that models.json has its checksum")
