"""What the world under faults found, each in small, so that it stays found."""

from tests.storm.day import Plan, run_day
from tests.storm.nemesis import Action

HOUR = 3600.0
THEN = 0.4
"""How busy the loops were on the days on which all this was found."""


def test_a_gate_is_not_heard_again_because_its_message_waits():
    """A full ledger read what it had in hand each second, and called its gates heard each time."""
    full = Action(0.9 * HOUR, "centre disk full", -1, "", 3.5 * HOUR)
    done = run_day(Plan(3, passages=30, only=(full,), together=THEN))
    assert not done.broken
    assert done.figures["feeds held to the truth"] > 8


def test_tombstones_of_a_full_disk_are_entries_like_others():
    """The high-water mark and a full disk together: graves are dug in the round of the ring."""
    both = (
        Action(8.0 * HOUR, "link cut", 5, "", 5.0 * HOUR),
        Action(8.9 * HOUR, "high-water mark", 5, "", 3.8 * HOUR),
        Action(9.4 * HOUR, "disk", 5, "full", 0.5 * HOUR),
    )
    done = run_day(Plan(34, passages=30, only=both, together=THEN))
    assert not done.broken
    assert done.figures["entries LOST"] > 0


def test_what_a_backup_only_calls_lost_is_not_safe():
    """A card of before turns up when ledger and backups are new: its entries are in no backup."""
    done = run_day(
        Plan(
            8016,
            only=(
                Action(10.64 * HOUR, "older image", 1, "", 3.8 * HOUR),
                Action(11.75 * HOUR, "backup"),
                Action(11.88 * HOUR, "centre emptied", -1, "and all backups", 60.0),
            ),
            together=THEN,
        )
    )
    assert not done.broken
    assert done.figures["forks alarmed"] == 1


def test_a_journal_that_goes_on_being_called_broken_is_made_anew():
    """All of it read well, so it was believed again and again while nothing was recorded."""
    torn = Action(8.76 * HOUR, "torn file", 7, "only said")
    done = run_day(Plan(1_000_199, only=(torn,), together=THEN))
    assert not done.broken
    assert done.figures["entries LOST"] == 0


def test_a_day_is_known_by_a_clock_entry_where_its_streams_start_is_gone():
    """An emptied centre is told all that a gate still holds: its first entries it has given up."""
    done = run_day(
        Plan(
            1_000_923,
            only=(
                Action(5.27 * HOUR, "power cut", 5, "late", 0.85 * HOUR),
                Action(16.17 * HOUR, "centre emptied", -1, "and all backups", 60.0),
            ),
            together=THEN,
        )
    )
    assert not done.broken
    assert done.figures["entries LOST"] > 0


def test_a_return_that_was_never_told_of_does_not_leave_a_gate_waiting():
    """All was safe when central left, and the word that it was back was lost on the way."""
    done = run_day(Plan(1_000_766, together=THEN))
    assert not done.broken


def test_a_quiet_gate_learns_of_a_centre_whose_birth_it_never_heard():
    """It had said all, recorded nothing more, and was never asked for what a backup lacked."""
    done = run_day(
        Plan(
            300,
            passages=8,
            only=(
                Action(8.0 * HOUR, "weather", -1, "lossy", 11.0 * HOUR),
                Action(15.0 * HOUR, "centre restored", -1, "older backup", 120.0),
            ),
            together=THEN,
        )
    )
    assert not done.broken


def test_what_a_torn_card_and_a_centre_without_backups_destroyed_nobody_can_name():
    """A card was torn, which the gate said in a start that was safe, and deleted; then the centre
    went with all its backups. The checker wanted a word of it."""
    done = run_day(Plan(3_003_207, keep=(2, 4, 7, 16)))
    assert not done.broken
    assert done.figures["entries destroyed"] > done.figures["entries LOST"]


def test_a_gate_whose_alert_overtakes_what_waits_with_it_is_not_called_complete():
    """The ledger was full; its alert, read before all else, called the gate heard, and what it had
    said of what waits lay unread behind."""
    both = (
        Action(6.615 * HOUR, "centre disk full", -1, "", 3.86 * HOUR),
        Action(9.85 * HOUR, "disk", 6, "full", 1.05 * HOUR),
    )
    done = run_day(Plan(3_014_837, only=both))
    assert not done.broken
    assert done.figures["feeds that were complete"] > 0


def test_a_clock_that_is_set_as_all_is_judged_is_waited_for():
    """The world had settled; in its last ten seconds a late clock was set, and told."""
    done = run_day(Plan(3_014_645, keep=(12,)))
    assert not done.broken
