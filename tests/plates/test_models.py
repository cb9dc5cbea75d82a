"""The model files: the ones on record, or none."""

import hashlib
import json
import re
import shutil
from pathlib import Path

import pytest

from gateway.plates.errors import ModelRefused
from gateway.plates.model import FOLDER, open_models
from gateway.plates.net import NetReader
from gateway.plates.reader import Plate, status_of
from gateway.plates.readers import open_reader

BYTES_MAX = 8_000_000


@pytest.fixture
def folder(tmp_path):
    copied = tmp_path / "models"
    shutil.copytree(FOLDER, copied)
    return copied


def test_the_models_open_and_are_small(folder):
    assert 0 < open_models(folder).settings.accept < 1
    assert sum(path.stat().st_size for path in folder.glob("*.onnx")) < BYTES_MAX


@pytest.mark.parametrize("name", ["recogniser.onnx", "finder.onnx", "double.onnx"])
def test_a_model_with_one_bit_changed_is_refused(folder, name):
    content = bytearray((folder / name).read_bytes())
    content[len(content) // 2] ^= 1
    (folder / name).write_bytes(content)
    with pytest.raises(ModelRefused, match=f"{name} has checksum"):
        NetReader.open(folder)


@pytest.mark.parametrize("name", ["recogniser.onnx", "double.onnx", "models.json"])
def test_a_missing_file_is_refused_in_one_sentence(folder, name):
    (folder / name).unlink()
    with pytest.raises(ModelRefused, match=r"cannot be read.*reinstall"):
        NetReader.open(folder)


def test_a_file_that_is_no_net_is_refused_even_with_its_checksum(folder):
    (folder / "recogniser.onnx").write_bytes(b"no net")
    listed = json.loads((folder / "models.json").read_text())
    listed["sha256"]["recogniser.onnx"] = hashlib.sha256(b"no net").hexdigest()
    (folder / "models.json").write_text(json.dumps(listed))
    with pytest.raises(ModelRefused, match="does not open"):
        NetReader.open(folder)


def test_the_list_names_every_model_of_the_package():
    listed = json.loads((FOLDER / "models.json").read_text())
    kept = {path.name for path in FOLDER.iterdir()} - {"models.json", "README.md"}
    assert kept == set(listed["sha256"])
    assert (FOLDER / "README.md").read_text(encoding="utf-8").startswith("# ")


def test_an_unknown_reader_is_named_with_those_there_are():
    with pytest.raises(LookupError, match=r"no plate reader 'x'; there are: net, tesseract, both"):
        open_reader("x")


def test_the_accept_line_divides_read_from_unsure(reader):
    def plate(text, confidence):
        return Plate(text, "blue", confidence, (), (0, 0, 1, 1), (), ())

    assert status_of(None, 0.9) == "none"
    assert status_of(plate("", 0.0), 0.9) == "unread"
    assert status_of(plate("鲁A12345", 0.8999), 0.9) == "unsure"
    assert status_of(plate("鲁A12345", 0.9), 0.9) == "read"


def test_reading_needs_no_torch():
    """The package never imports torch or onnx: they are for training."""
    for path in Path(FOLDER).parent.glob("*.py"):
        text = path.read_text(encoding="utf-8")
        assert "import torch" not in text, path
        assert not re.search(r"import onnx\b", text), path
