"""The whole site on this machine: killed, restarted, interrupted; its counts agree all the same."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from demo.run import UP_S

ROOT = Path(__file__).resolve().parent.parent.parent
DEMO = (sys.executable, "-m", "demo", "--headless", "--json", "--every", "3")


@pytest.fixture
def demo(tmp_path):
    """Start demos that are ended, whatever the test does."""
    started = []

    def start(*words):
        keep = tmp_path / f"site{len(started)}"
        said = tmp_path / f"said{len(started)}"
        with said.open("w") as stderr:
            process = subprocess.Popen(
                [*DEMO, "--keep", str(keep), *words],
                cwd=ROOT,
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
            )
        started.append(process)
        return Site(process, keep, said)

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.wait()
        process.stdout.close()


class Site:
    """A running demo, seen from outside."""

    def __init__(self, process, folder, said):
        self.process, self.folder, self._said = process, folder, said

    def said(self):
        return self._said.read_text()

    def pids(self):
        return json.loads((self.folder / "pids.json").read_text())

    def wait_for(self, come, bound_s, what):
        until = time.monotonic() + bound_s
        while not come():
            assert self.process.poll() is None, self.said()
            assert time.monotonic() < until, f"{what}:\n{self.said()}"
            time.sleep(0.05)

    def wait_up(self):
        self.wait_for(lambda: "gates are up" in self.said(), UP_S + 10, "not up")

    def kill(self, name):
        """Kill a process as a power cut would, and wait until another is in its place."""
        old = self.pids()[name]
        os.kill(old, signal.SIGKILL)
        self.wait_for(lambda: self.pids().get(name, old) != old, 60, f"{name} is not back")

    def end(self, bound_s):
        out, _ = self.process.communicate(timeout=bound_s)
        return self.process.returncode, out


def running(folder):
    """Name the processes of this machine that were started for this site."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = entry.read_bytes().decode(errors="replace")
        except OSError:
            continue
        if str(folder) in words:
            found.append(words.replace("\0", " "))
    return found


@pytest.mark.slow
@pytest.mark.broker
@pytest.mark.timeout(600)
def test_counts_agree_though_gateway_centre_and_broker_are_killed(demo):
    site = demo("--gates", "3", "--seconds", "30")
    site.wait_up()
    time_between_s = 4.0  # So that the last falls into the traffic on a busy machine, too.
    for name in ("central", "gateway-c01", "broker", "gateway-c03"):
        began = time.monotonic()
        site.wait_for(lambda began=began: time.monotonic() - began > time_between_s, 10, "pause")
        site.kill(name)
    code, out = site.end(240)
    result = json.loads(out)
    assert code == 0, site.said()
    assert result["recorded"] == result["counted"] > 8
    assert result["expected"] <= result["recorded"] <= result["expected"] + result["interrupted"]
    # One a lane of the gateways that were killed: the way in of both, and the way on foot of c03.
    assert result["interrupted"] <= 3
    assert (result["lost"], result["double"]) == (0, 0)
    assert result["entries"]["recorded"] == result["entries"]["ledger"]
    assert set(result["passages"]) == {"c01", "c02", "c03"}
    assert min(result["passages"].values()) > 0
    assert sum(result["decisions"].values()) <= result["recorded"]
    assert result["restarts"] == ["central", "gateway-c01", "broker", "gateway-c03"]
    assert running(site.folder) == []


@pytest.mark.broker
def test_an_interrupt_in_the_middle_leaves_nothing_running(demo):
    site = demo("--gates", "1")
    site.wait_up()
    site.process.send_signal(signal.SIGINT)
    code, out = site.end(180)
    assert code == 0, site.said()
    result = json.loads(out)
    assert result["expected"] == result["recorded"] == result["counted"]
    assert running(site.folder) == []


@pytest.mark.broker
def test_a_word_to_end_while_it_starts_leaves_nothing_running(demo):
    site = demo("--gates", "1")
    site.wait_for(lambda: "Starting" in site.said(), 30, "nothing said")
    site.process.send_signal(signal.SIGTERM)
    code, out = site.end(60)
    assert code == 130
    assert out == ""
    assert "nothing of it is running" in site.said()
    assert running(site.folder) == []


@pytest.mark.broker
def test_what_it_cannot_go_on_without_is_named_with_its_log(demo):
    site = demo("--gates", "1")
    site.wait_up()
    os.kill(site.pids()["simulator"], signal.SIGKILL)
    code, _ = site.end(60)
    assert code == 1
    assert "simulator ended by signal SIGKILL: read" in site.said()
    assert "simulator.log" in site.said()
    assert running(site.folder) == []
