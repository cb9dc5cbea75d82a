"""Each thread of gate and centre is watched: none is started that reliability.md does not list."""

import ast
import re

import pytest

from .sources import ROOT, walk

PAGE = ROOT / "docs" / "reliability.md"
NOT_OURS_TO_WATCH = {"drivers/ports/terminal.py": "the pretended devices of demo and bench"}


def threads():
    """Give each place that starts a thread, and the name that it gives it."""
    for path, node in walk(ast.Call):
        if path.startswith(("gateway/", "central/", "drivers/")) and ast.unparse(node.func) in {
            "Thread",
            "threading.Thread",
        }:
            yield path, {word.arg: ast.unparse(word.value) for word in node.keywords}


def listed():
    """Give the table's rows: thread -> bound."""
    rest = PAGE.read_text(encoding="utf-8").partition("<!-- threads: table -->")[2]
    table = rest.partition("<!-- end -->")[0]
    return dict(re.findall(r"^\| `([^`]+)` \|.*\| ([^|]+) \|$", table, re.MULTILINE))


def test_there_are_threads_to_look_at():
    assert len(list(threads())) >= 8
    assert len(listed()) >= 8


@pytest.mark.parametrize(("path", "given"), list(threads()))
def test_every_thread_is_named_ends_with_the_process_and_has_a_bound(path, given):
    if path in NOT_OURS_TO_WATCH:
        return
    assert given["daemon"] == "True"
    name = re.sub(r"\{[^}]*\}", "*", given["name"].removeprefix("f")).strip("'\"")
    assert name in listed(), f"{path} starts {name}, which reliability.md does not list"
    assert re.search(r"\d+ (s|h)\b", listed()[name]), listed()[name]
