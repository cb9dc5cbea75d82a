"""The udev rules: every line is made of udev's own keys, and each GOTO has its LABEL."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

RULES = Path(__file__).parents[2] / "systemd/60-gatepost.rules"
PART = re.compile(r'([A-Z]+)(?:\{([^}]+)\})?(==|!=|\+=|:=|=)"([^"]*)"')
KEYS = {
    "ACTION", "ATTR", "DRIVERS", "ENV", "GOTO", "GROUP", "IMPORT", "KERNEL", "LABEL", "MODE",
    "SUBSYSTEM", "SUBSYSTEMS", "SYMLINK", "TAG",
}  # fmt: skip


def rules(*, with_examples: bool) -> list[list[tuple[str, ...]]]:
    """Read the rules; those that are commented out to be copied as well."""
    lines = RULES.read_text().splitlines()
    if with_examples:
        lines = [re.sub(r"^#(?=[A-Z]+[{=!])", "", line) for line in lines]
    found = []
    for line in lines:
        if line and not line.startswith("#"):
            parts = re.split(r", (?=[A-Z])", line)
            matched = [PART.fullmatch(part) for part in parts]
            assert all(matched), line
            found.append([match.groups() for match in matched if match])
    return found


def test_every_line_is_a_rule():
    assert {key for rule in rules(with_examples=True) for key, *_ in rule} <= KEYS


def test_every_goto_has_its_label():
    flat = [part for rule in rules(with_examples=False) for part in rule]
    assert {value for key, _, _, value in flat if key == "GOTO"} == {
        value for key, _, _, value in flat if key == "LABEL"
    }


def test_names_are_below_dev_gate():
    links = [
        value for rule in rules(with_examples=True) for key, _, _, value in rule if key == "SYMLINK"
    ]
    assert len(links) >= 4
    assert all(link.startswith("gate/") for link in links)


def test_udevadm_finds_nothing_wrong():
    udevadm = shutil.which("udevadm")
    if udevadm is None:
        pytest.skip("no udevadm on this machine")
    done = subprocess.run(
        [udevadm, "verify", str(RULES)], capture_output=True, text=True, check=False
    )
    if "Unknown command" in done.stderr:
        pytest.skip("this udevadm has no verify yet")
    assert done.returncode == 0, done.stderr + done.stdout
