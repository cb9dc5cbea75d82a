"""The real pictures, where they are: measured, with floors that the first reader holds.

They are public pictures that this repository does not hold. Name their folder in
GATEPOST_PICTURES, or put them in shared/data beside the checkout.
"""

import os
from pathlib import Path

import pytest

from gateway.plates.benchmark import answer_all, figures_of, load_index

FOLDER = Path(os.environ.get("GATEPOST_PICTURES", Path(__file__).parents[3] / "shared/data"))
EXACT_MIN = {"dev_crops": 91.0, "dev_frames": 85.0}
SOME = 7
"""Each seventh picture: the whole sets are for the benchmark command."""


@pytest.mark.parametrize("name", EXACT_MIN)
def test_real_pictures_are_read(reader, name, tmp_path):
    index = FOLDER / name / "index.csv"
    if not index.exists():
        pytest.skip(f"the real pictures of {name} are not here")
    chosen = load_index(index)[::SOME]
    lines = [f"{index.parent / row.file},{'|'.join(row.labels)}" for row in chosen]
    part = tmp_path / "index.csv"
    part.write_text("\n".join(["file,label", *lines]) + "\n", encoding="utf-8")
    figures = figures_of(reader, answer_all(reader, part))
    assert figures["n"] == len(chosen)
    assert figures["exact"] >= EXACT_MIN[name], figures
