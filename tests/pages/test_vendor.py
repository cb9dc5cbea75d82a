"""What is vendored is what its list says, and nothing else."""

import hashlib

import pytest

from tests.pages.vendor import FOLDERS, listed


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.parts[-3])
def test_every_vendored_file_is_listed_with_its_hash(folder):
    found = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.iterdir()
        if path.name != "VENDOR.toml"
    }
    assert found == {one["file"]: one["sha256"] for one in listed(folder)}
    for one in listed(folder):
        assert one["licence"], one
        assert one["version"], one
