"""The wire, the card and the clock do to real TCP, disks and clocks what they say."""

import errno
import os
import socket
import subprocess
import sys
import threading
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from tests.faults import campaign, disks, walls, wires
from tests.faults.programs import wait_for


@pytest.fixture
def wire():
    if told := wires.obstacle():
        pytest.skip(told)
    found = wires.Wire(seed=1)
    yield found
    found.close()


@pytest.fixture
def card(tmp_path):
    if told := disks.obstacle():
        pytest.skip(told)
    found = disks.Card(tmp_path / "card")
    yield found
    found.close()


def test_a_cut_wire_drops_both_ways_without_a_word_and_tcp_comes_through_once_mended(wire):
    heard, ends = [], []
    with socket.create_server((wire.near, 0)) as listener:
        port = listener.getsockname()[1]

        def far_end():
            wires.enter(wire.network)
            ends.append(socket.create_connection((wire.near, port), 20))

        thread = threading.Thread(target=far_end)
        thread.start()
        near, _ = listener.accept()
        thread.join(20)
    with near, ends[0] as far:
        near.settimeout(20)
        far.sendall(b"before")
        heard.append(near.recv(100))
        wire.cut = True
        dropped = wire.dropped
        far.sendall(b"meanwhile")
        wait_for(lambda: wire.dropped > dropped + 1, 20, "TCP tries again")
        near.setblocking(False)
        with pytest.raises(BlockingIOError):
            near.recv(100)
        wire.mend()
        near.settimeout(20)
        heard.append(near.recv(100))
    assert heard == [b"before", b"meanwhile"]


def test_a_lossy_wire_loses_its_share(wire):
    wire.loss = 0.3
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:

        def thousand_came_by():
            for _ in range(50):
                sender.sendto(b"?", (wire.far, 9))
            return wire.carried + wire.dropped >= 1000

        wait_for(thousand_came_by, 60, "a thousand packets have come by")
    assert 0.2 < wire.dropped / (wire.carried + wire.dropped) < 0.4


def test_a_full_card_takes_nothing_and_a_power_cut_keeps_what_was_synced(card):
    with (card.folder / "kept").open("wb") as file:
        file.write(b"synced")
        file.flush()
        os.fsync(file.fileno())
    (card.folder / "lost").write_bytes(b"only in the page cache")
    image = card.copy()
    card.fill()
    with pytest.raises(OSError, match="space") as refused:
        (card.folder / "more").write_bytes(b"x" * 4096)
    assert refused.value.errno == errno.ENOSPC
    card.put(image)
    assert (card.folder / "kept").read_bytes() == b"synced"
    lost = card.folder / "lost"
    assert not lost.exists() or lost.read_bytes() == b""


def test_a_wall_clock_is_set_for_one_process_as_it_runs(tmp_path):
    if told := walls.obstacle():
        pytest.skip(told)
    wall = walls.Wall(tmp_path / "wall")
    wall.set(-86_400_000, "unset")
    look = (
        "from gateway import clock; print(clock.wall_ms() - clock.boot_ms(), clock.kernel_clock())"
    )
    plain, faked = (
        subprocess.run(
            [sys.executable, "-c", look], capture_output=True, text=True, check=True,
            env={**os.environ, **more},
        ).stdout.split()
        for more in ({}, wall.environment)
    )  # fmt: skip
    assert faked[1] == "unset"
    assert abs(int(faked[0]) - int(plain[0]) + 86_400_000) < 60_000


def test_no_run_at_all_is_refused():
    """Nothing done is nothing proven: it must not exit 0."""
    assert CliRunner().invoke(campaign.main, ["--runs", "0"]).exit_code == 2


def test_a_campaign_that_can_try_nothing_shows_nothing(monkeypatch):
    one = SimpleNamespace(name="wires cut", about="", settle_s=0.0, obstacle=lambda: "no root here")
    monkeypatch.setattr(campaign, "FAULTS", {one.name: one})
    told = CliRunner().invoke(campaign.main, [])
    assert told.exit_code == 1
    assert "left out: wires cut: no root here" in told.output
    assert "nothing was tried" in told.output
