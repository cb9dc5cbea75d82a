"""The script: what it says when called wrongly, and that nothing of it needs more than sh."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.house.sources import ROOT

SCRIPT = ROOT / "gatepost"


def call(*words, **options):
    return subprocess.run(
        [str(SCRIPT), *words], capture_output=True, text=True, timeout=60, check=False, **options
    )


def test_help_names_every_command():
    done = call("help")
    assert done.returncode == 0
    for word in (
        "demo",
        "test",
        "check",
        "bench",
        "world",
        "model",
        "power",
        "gateway",
        "central",
        "tree",
    ):
        assert f"\n  {word}" in done.stdout
    assert done.stderr == ""


@pytest.mark.parametrize("command", ["setup", "check", "tree"])
def test_what_the_script_does_by_itself_has_help_too(command):
    done = call(command, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert f"\n  {command}" in done.stdout
    assert "GATEPOST_WORKERS" in done.stdout


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((), "Usage:"),
        (("deom",), "no command 'deom'"),
        (("check", "--fast"), "check takes no options"),
        (("tree", "sid"), "not 'sid'"),
        (("tree", "-x"), "not '-x'"),
    ],
)
def test_wrong_use_exits_2_and_says_so_on_standard_error(words, told):
    done = call(*words)
    assert done.returncode == 2
    assert told in done.stderr
    assert done.stdout == ""


def test_it_is_plain_sh():
    shells = [found for name in ("dash", "busybox", "sh") if (found := shutil.which(name))]
    for shell in shells:
        words = [shell, "sh"] if shell.endswith("busybox") else [shell]
        subprocess.run([*words, "-n", str(SCRIPT)], check=True)
    assert SCRIPT.read_text().startswith("#!/bin/sh\n")
    assert os.access(SCRIPT, os.X_OK)
    assert os.access(ROOT / ".ci" / "run", os.X_OK)


@pytest.fixture
def clone(tmp_path):
    """A checkout in a folder with a blank in its name, whose environment is stamped as ready."""
    place = tmp_path / "a clone"
    place.mkdir()
    for name in ("gatepost", "requirements.lock", "requirements-dev.lock"):
        shutil.copy(ROOT / name, place / name)
    return place


def test_without_root_it_says_exactly_what_is_missing(clone, tmp_path):
    """On a machine with no python3 at all: one apt-get line, exit 1, nothing made."""
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("sh", "dirname", "readlink", "id", "printf", "mkdir", "cat", "sed", "tail", "rm"):
        (tools / name).symlink_to(shutil.which(name))
    (tools / "id").unlink()
    (tools / "id").write_text("#!/bin/sh\necho 1000\n")
    (tools / "id").chmod(0o755)
    if Path("/usr/bin/python3").exists():
        text = (clone / "gatepost").read_text().replace("/usr/bin/python3 ", "")
        (clone / "gatepost").write_text(text)
    done = subprocess.run(
        [str(clone / "gatepost"), "setup"],
        env={"PATH": str(tools)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert "apt-get install --no-install-recommends python3 python3-venv" in done.stderr
    assert done.stdout == ""
    assert not (clone / ".venv").exists()


def test_an_environment_that_is_only_linked_is_left_alone(clone, tmp_path):
    """Another checkout's: to renew it here would take it from under whoever runs there."""
    (tmp_path / "other").mkdir()
    (clone / ".venv").symlink_to(tmp_path / "other")
    shutil.copy(ROOT / "pyproject.toml", clone)
    done = subprocess.run(
        [str(clone / "gatepost"), "setup"], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 1
    assert "remove the link" in done.stderr
    assert list((tmp_path / "other").iterdir()) == []


@pytest.mark.parametrize("name", ["gateway", "central"])
def test_the_commands_stand_beside_the_environment(name):
    """After a set-up both work from anywhere, as the units call them."""
    command = ROOT / ".venv" / "bin" / name
    if not (ROOT / ".venv" / ".gatepost").exists():
        pytest.skip("this environment was not made by ./gatepost")
    done = subprocess.run(
        [str(command), "--help"], cwd="/", capture_output=True, text=True, timeout=60, check=True
    )
    assert "Usage:" in done.stdout


def test_the_demo_refuses_wrong_wishes(tmp_path):
    done = subprocess.run(
        [shutil.which("python3") and os.sys.executable, "-m", "demo", "--gates", "9"],
        cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "--gates" in done.stderr
    assert json.dumps({}) not in done.stdout
