"""A short seeded slice of `./gatepost faults`: the cheapest of each kind of harm."""

from pathlib import Path

import pytest

from tests.faults import campaign
from tests.faults.run import FAULTS, perform

SLICE = (
    "all killed", "broker wiped", "link half-open", "disk full", "journal torn",
    "central restored from its oldest backup", "clock at 1970, then set",
)  # fmt: skip
SEED = 20
ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.broker
@pytest.mark.slow
@pytest.mark.parametrize("name", SLICE)
def test_nothing_is_lost_and_nothing_counted_twice(name, tmp_path):
    one = FAULTS[name]
    if told := one.obstacle():
        pytest.skip(f"{name}: {told}")
    result = perform(one, SEED, tmp_path / "site")
    found = result.verdict
    assert found.wrong == [], result.notes
    assert (found.lost, found.named, found.double) == (0, 0, 0)
    assert found.recorded == found.counted > 50
    assert found.passages == sum(found.compounds.values()) == found.kinds["opened"] > 10
    assert set(found.compounds) == {"c01", "c02"}
    assert result.notes["feeds"] > 4


def test_every_fault_has_its_line_in_the_table_of_reliability():
    text = (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")
    missing = [name for name in FAULTS if f"| {name} |" not in text]
    assert missing == []
    assert campaign.FAULTS is FAULTS
