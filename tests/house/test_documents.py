"""Generated text is as the code would generate it now, and every command and setting is told."""

import re
import tomllib

import click
import pytest
from click.testing import CliRunner

from tests.house import regenerate
from tests.house.regenerate import PARTS, ROOT, every_command, groups, renewed


@pytest.mark.parametrize("name", sorted(PARTS))
def test_generated_parts_are_up_to_date(name):
    path = ROOT / name
    fresh = renewed(path, PARTS[name])
    assert fresh == path.read_text(encoding="utf-8"), "run: python -m tests.house.regenerate"


def test_a_stale_part_is_found(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("<!-- generated: devices -->\nold\n<!-- end -->\n")
    fresh = renewed(page, {"devices": regenerate.device_table})
    assert "gy_mcu90614" in fresh
    assert "old" not in fresh


def test_every_command_of_the_script_is_told():
    told = regenerate.commands_table() + regenerate.commands_in_full()
    dispatched = re.findall(r"^([a-z |]+)\)$", (ROOT / "gatepost").read_text(), re.MULTILINE)
    names = {name.strip() for names in dispatched for name in names.split("|")}
    assert {"demo", "world", "setup"} <= names
    for name in names - {"gateway", "central"}:
        assert f"`./gatepost {name}`" in told


def test_a_default_that_a_command_prints_is_in_its_help():
    ((_, demo),) = [(name, one) for name, one in groups() if name == "./gatepost demo"]
    assert "[default: gatepost]" in regenerate.help_of("./gatepost demo", demo)


def test_every_command_and_option_has_help():
    for top, group in groups():
        for name, command in every_command(top, group):
            assert command.help, f"{name} has no help"
            for parameter in command.params:
                if isinstance(parameter, click.Option):
                    assert parameter.help, f"{name} --{parameter.name} has no help"


def test_gate_and_centre_say_their_version_in_one_form():
    by_name = dict(groups())
    gate, centre = (
        CliRunner().invoke(by_name[name], ["--version"]).stdout for name in ("gateway", "central")
    )
    assert gate == centre
    assert gate.startswith("gatepost ")


PRINT_NO_DATA = {
    "gateway run", "gateway pretend", "central run", "central vault run",  # until they are ended
    "gateway capture", "gateway plates lessons", "central keygen", "central acknowledge",  # they do
}  # fmt: skip


def test_every_command_that_prints_data_has_json():
    without = {
        name
        for top, group in groups()
        for name, command in every_command(top, group)
        if not isinstance(command, click.Group)
        and not any("--json" in parameter.opts for parameter in command.params)
    }
    assert without == PRINT_NO_DATA


def test_links_between_pages_lead_somewhere():
    for page in [ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").glob("*.md")]:
        for target in re.findall(r"\]\(([^)#]+)", page.read_text(encoding="utf-8")):
            if "://" not in target:
                assert (page.parent / target).exists(), f"{page.name} points to {target}"


def test_example_settings_are_tables_that_toml_reads():
    examples = sorted((ROOT / "systemd").glob("*.example.toml"))
    assert {path.name for path in examples} == {
        "central.example.toml", "gateway.example.toml", "site.example.toml",
    }  # fmt: skip
    for path in examples:
        assert tomllib.loads(path.read_text(encoding="utf-8"))


def test_decision_records_have_their_four_parts():
    records = sorted((ROOT / "docs" / "decisions").glob("[0-9]*.md"))
    assert records
    numbers = [path.name[:4] for path in records]
    assert all(number.isdecimal() for number in numbers)
    assert len(set(numbers)) == len(numbers), "two records with one number"
    for path in records:
        text = path.read_text(encoding="utf-8")
        for part in ("Status", "Context", "Decision", "Consequences"):
            assert f"**{part}**" in text, f"{path.name} has no {part}"
