"""A slice of the power cuts, and the proof that a wrong program is caught."""

import pytest

from tests.power import campaign
from tests.power.tape import Tape
from tests.power.vfs import Unrecordable

SEED = 20200211


@pytest.fixture(autouse=True, scope="module")
def _recordable(tmp_path_factory):
    try:
        with Tape(tmp_path_factory.mktemp("tape")).running():
            pass
    except Unrecordable as reason:
        pytest.skip(str(reason))


@pytest.mark.parametrize(("name", "cuts"), [("gate", 120), ("centre", 60)])
def test_no_cut_loses_what_was_shown_acknowledged_or_promised(name, cuts):
    result = campaign.cut(campaign.PLACES[name], SEED, cuts, size=60)
    assert not result.first
    assert sum(result.cuts.values()) == cuts
    assert len(result.cuts) == 4
    assert result.writes > 300, "the tape ran beside the writes"


@pytest.mark.parametrize(
    ("name", "planted"),
    [
        ("gate", "synchronous-off"),
        ("gate", "synchronous-normal"),
        ("gate", "shown-before-commit"),
        ("gate", "lying-card"),
        ("centre", "synchronous-normal"),
        ("centre", "shown-before-commit"),
        ("centre", "unsynced-backup"),
    ],
)
def test_a_planted_fault_is_caught(name, planted):
    result = campaign.cut(campaign.PLACES[name], SEED, 40, planted, size=40)
    assert sum(result.losses.values()), "nothing was lost though it must be"


def test_a_gate_starts_on_whatever_a_card_without_order_left():
    """Salvaging one of these files went round in a torn tree for ever."""
    result = campaign.cut(campaign.PLACES["gate"], 1, 200, "synchronous-off")
    assert sum(result.cuts.values()) == 200
