"""Writes the generated parts of README and docs: commands' help, the device table, decisions.

    python -m tests.house.regenerate [--check]

With --check nothing is written; it exits 1 and names what is out of date.
"""

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import click

from drivers import driver
from gateway.core.limits import settings

ROOT = Path(__file__).resolve().parent.parent.parent
UNITS = {
    "centi_c": "0.01 °C", "s": "s", "mm": "mm", "samples": "samples", "days": "days",
    "attempts": "readings", "pct": "%",
}  # fmt: skip
SHELL_ALONE = ("setup", "test", "check", "tree")
"""What the script does by itself, without a command of its own behind it."""
MARKS = {"C": "confirmed", "S": "one source", "D": "derived"}


def groups() -> Iterator[tuple[str, click.Command]]:
    """Give our commands by the name they are called by."""
    from central.cli import main as central  # noqa: PLC0415 - what only needs a table loads no cv2.
    from demo.__main__ import main as demo  # noqa: PLC0415
    from demo.bench import main as bench  # noqa: PLC0415
    from demo.bench_lines import main as bench_lines  # noqa: PLC0415
    from gateway.cli import gateway  # noqa: PLC0415
    from tests.drivers.fuzz import main as fuzz  # noqa: PLC0415
    from tests.faults.campaign import main as faults  # noqa: PLC0415
    from tests.model.run import model  # noqa: PLC0415
    from tests.power.run import power  # noqa: PLC0415
    from tests.storm.run import main as storm  # noqa: PLC0415
    from tests.world.run import main as world  # noqa: PLC0415

    yield "gateway", gateway
    yield "central", central
    yield "./gatepost demo", demo
    yield "./gatepost bench", bench
    yield "./gatepost bench lines", bench_lines
    yield "./gatepost world", world
    yield "./gatepost storm", storm
    yield "./gatepost model", model
    yield "./gatepost power", power
    yield "./gatepost fuzz", fuzz
    yield "./gatepost faults", faults


def every_command(name: str, command: click.Command) -> Iterator[tuple[str, click.Command]]:
    """Walk a command and those below it."""
    yield name, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for word in command.list_commands(context):
            below = command.get_command(context, word)
            assert below is not None
            yield from every_command(f"{name} {word}", below)


def help_of(name: str, command: click.Command) -> str:
    """Give a command's help as it prints it, at a width that does not depend on a terminal."""
    shape = {"terminal_width": 100, "max_content_width": 100}
    context = click.Context(command, info_name=name, **(command.context_settings | shape))
    return "\n".join(line.rstrip() for line in command.get_help(context).splitlines())


def front_door() -> str:
    """Give what `./gatepost help` prints."""
    words = ["sh", str(ROOT / "gatepost"), "help"]
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout.rstrip()


def commands_table() -> str:
    """List every command with its first sentence."""
    rows = ["| command | what it does |", "|---|---|"]
    for top, group in groups():
        for name, command in every_command(top, group):
            if not isinstance(command, click.Group) or command.invoke_without_command:
                rows.append(f"| `{name}` | {command.get_short_help_str(200)} |")
    for name in SHELL_ALONE:
        told = re.search(rf"^  {name}\b.*?\s{{2,}}(\S.*)$", front_door(), re.MULTILINE)
        assert told, f"./gatepost help does not tell of {name}"
        rows.append(f"| `./gatepost {name}` | {told[1][0].upper()}{told[1][1:]}. |")
    return "\n".join(rows)


def commands_in_full() -> str:
    """Give the help of every command."""
    parts = [f"## ./gatepost\n\n```\n{front_door()}\n```"]
    for top, group in groups():
        for name, command in every_command(top, group):
            parts.append(f"## {name}\n\n```\n{help_of(name, command)}\n```")
    return "\n\n".join(parts)


def device_table() -> str:
    """List the devices that have a driver file."""
    rows = ["| driver | kind | model | baud | check | how sure | examples |", "|" + "---|" * 7]
    for name in driver.names():
        found = driver.declared(name, driver.Device)
        check = found.integrity if isinstance(found, driver.Driver) else "none"
        examples = len(getattr(found, "examples", ()))
        rows.append(
            f"| `{name}` | {found.kind} | {found.model} | {found.baud} | {check} "
            f"| {MARKS[found.mark]}: {found.source} | {examples} |"
        )
    return "\n".join(rows)


def decisions_index() -> str:
    """List the decision records with their titles."""
    rows = []
    for path in sorted((ROOT / "docs" / "decisions").glob("[0-9]*.md")):
        title = path.read_text(encoding="utf-8").splitlines()[0].removeprefix("# ")
        rows.append(f"- [{title}](decisions/{path.name})")
    return "\n".join(rows)


def screening_table() -> str:
    """List every number of the screening: default, unit, bounds, meaning, source."""
    rows = ["| setting | default | unit | from | to | what | source |", "|" + "---|" * 7]
    for name, default, told in settings():
        bounds = ["" if bound is None else f"{bound:g}" for bound in (told.low, told.high)]
        shown = "unset" if default is None else str(default).lower()
        rows.append(
            f"| `{name}` | {shown} | {unit_of(name)} | {' | '.join(bounds)} "
            f"| {told.what} | {told.source} |"
        )
    return "\n".join(rows)


def unit_of(name: str) -> str:
    """Read a setting's unit off the end of its name."""
    words = name.removesuffix("_min").removesuffix("_max").split("_")
    for at in range(len(words)):
        if (unit := UNITS.get("_".join(words[at:]))) is not None:
            return unit
    return ""


PARTS: dict[str, dict[str, Callable[[], str]]] = {
    "README.md": {"commands": commands_table, "devices": device_table},
    "docs/commands.md": {"commands": commands_in_full},
    "docs/decisions.md": {"decisions": decisions_index},
    "docs/screening.md": {"screening": screening_table},
}


def renewed(path: Path, parts: dict[str, Callable[[], str]]) -> str:
    """Give a file's text with its generated parts as they must be now."""
    text = path.read_text(encoding="utf-8")
    for name, make in parts.items():
        begin, end = f"<!-- generated: {name} -->\n", "<!-- end -->"
        pattern = re.escape(begin) + ".*?" + re.escape(end)
        assert re.search(pattern, text, re.DOTALL), f"{path} has no part {name!r}"
        fresh = f"{begin}\n{make()}\n\n{end}"
        text = re.sub(pattern, lambda _, fresh=fresh: fresh, text, count=1, flags=re.DOTALL)
    return text


def main(arguments: list[str]) -> int:
    """Write the generated parts, or only say which are out of date."""
    stale = []
    for name, parts in PARTS.items():
        path = ROOT / name
        fresh = renewed(path, parts)
        if fresh != path.read_text(encoding="utf-8"):
            stale.append(name)
            if "--check" not in arguments:
                path.write_text(fresh, encoding="utf-8")
    if "--check" in arguments and stale:
        print(f"out of date: {', '.join(stale)}; run: python -m tests.house.regenerate")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
