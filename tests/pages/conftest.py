"""One Chromium for all page tests."""

import shutil

import pytest

from tests.pages.stage import CHROMIUM, chromium


@pytest.fixture(scope="session")
def browser():
    if shutil.which(CHROMIUM) is None:
        pytest.skip("Debian's chromium is not installed")
    with chromium() as one:
        yield one
