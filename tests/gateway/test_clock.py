"""Two clocks are read at one moment."""

import pytest

from gateway.clock import Clock

SINCE_1970_MS = 1_581_264_000_000


@pytest.mark.parametrize("held_up_ms", [600, 5000])
def test_a_process_that_is_held_up_between_two_clocks_sees_no_jump(held_up_ms):
    now_ms, held_up = 1000, []

    def wall():
        nonlocal now_ms
        if held_up:
            now_ms += held_up.pop()
        return SINCE_1970_MS + now_ms

    clock = Clock(wall, lambda: now_ms, lambda: "ntp")
    held_up.append(held_up_ms)
    stamp, jump = clock.look()
    assert jump is None
    assert stamp.at_ms - stamp.mono_ms == SINCE_1970_MS
    assert clock.look()[1] is None
