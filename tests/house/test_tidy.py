"""What must not slip, read from the source itself."""

import ast
import re
import subprocess
from pathlib import Path

import pytest

from tests.house.sources import ROOT, imports, modules, walk

PURE = (
    *sorted(path for path in modules() if path.startswith("gateway/core/")),
    *sorted(path for path in modules() if path.startswith("gateway/contract/")),
    "gateway/journal/folding.py", "gateway/touches.py", "gateway/uplink.py",
    "gateway/course.py",
    "central/aggregate.py", "central/alarms.py", "central/spans.py",
)  # fmt: skip
ENTRIES = {
    "gateway/cli.py": "the process's own entry",
    "gateway/screen.py": "the screen's thread",
    "gateway/devices/port_thread.py": "a device's thread",
    "drivers/streams.py": "a stream's thread",
    "gateway/camera/cameras.py": "the camera process's thread",
    "gateway/camera/child.py": "the camera process's own entry",
    "gateway/mqtt.py": "paho's thread",
    "central/keeping.py": "the backup's thread",
    "central/api.py": "the pages' thread",
    "central/subscriber.py": "paho's thread and its callbacks",
}
"""Where a broad `except` may stand, and what enters there."""
WORLDLY = {
    "time", "datetime.datetime.now", "random", "secrets", "uuid", "os", "pathlib", "socket",
    "threading", "subprocess", "sqlite3", "asyncio", "select", "cv2", "paho", "serial", "numpy",
    "urllib.request", "http.client",
}  # fmt: skip
PERSONAL = re.compile(
    r"plate|text|phone|operator|reason_typed|centi_c|object_c|temperature|estimate|crop"
)
LOGGERS = {"debug", "info", "warning", "error", "exception", "critical", "log"}
OUTSIDE = re.compile(r"(^|[^A-Za-z0-9._/-])/(work|home)/")


def test_pure_files_touch_no_world():
    assert "gateway/core/core.py" in PURE
    for path in PURE:
        assert path in modules(), f"{path} is gone: name the pure files anew"
        worldly = {
            name
            for name in imports(path)
            if any(name == word or name.startswith(word + ".") for word in WORLDLY)
        }
        assert not worldly, f"{path} imports {sorted(worldly)}"


def test_a_broad_except_stands_only_at_an_entry_and_reports():
    for path, node in walk(ast.ExceptHandler):
        broad = node.type is None or ast.unparse(node.type) in {"Exception", "BaseException"}
        if broad and not _reraises(node):
            assert path in ENTRIES, f"{path}:{node.lineno} is broad and no entry"
            reports = any(isinstance(n, ast.Call | ast.Raise) for n in ast.walk(node))
            assert reports, f"{path}:{node.lineno} swallows whatever comes"


def _reraises(node: ast.ExceptHandler) -> bool:
    """Tell whether it cleans up and passes on what came."""
    last = node.body[-1]
    return isinstance(last, ast.Raise) and (last.exc is None or last.cause is not None)


def test_no_log_call_names_anything_personal():
    for path, node in walk(ast.Call):
        called = node.func
        if not (isinstance(called, ast.Attribute) and called.attr in LOGGERS):
            continue
        owner = ast.unparse(called.value).lower()
        if "log" not in owner:
            continue
        handed = [*node.args[1:], *(keyword.value for keyword in node.keywords)]
        for argument in handed:
            for part in ast.walk(argument):
                named = part.attr if isinstance(part, ast.Attribute) else getattr(part, "id", "")
                assert not PERSONAL.fullmatch(named), f"{path}:{node.lineno} logs {named}"


def test_log_messages_are_fixed_sentences():
    """What varies goes into fields, where the journal can find it and nothing slips in."""
    for path, node in walk(ast.Call):
        called = node.func
        if (
            isinstance(called, ast.Attribute)
            and called.attr in LOGGERS - {"log"}
            and ast.unparse(called.value) in {"_LOG", "LOG", "log", "logger", "_log"}
            and node.args
        ):
            fixed = isinstance(node.args[0], ast.Constant)
            assert fixed, f"{path}:{node.lineno} builds its message: {ast.unparse(node.args[0])}"


def test_every_public_thing_says_what_it_is():
    for path, module in modules().items():
        assert ast.get_docstring(module), f"{path} has no opening sentence"


def test_nothing_committed_names_a_machine():
    tracked = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False
    ).stdout.decode()
    if not tracked:
        pytest.skip("not a git checkout")
    for name in filter(None, tracked.split("\0")):
        path = ROOT / name
        if (
            path.suffix in {".py", ".md", ".toml", ".lock", ".service", ".sh", ""}
            and path.is_file()
        ):
            for number, text in enumerate(_lines(path), 1):
                assert not OUTSIDE.search(text), f"{name}:{number} names a machine's path"
                hosted = name.endswith(".lock") and "://" in text
                assert not hosted, f"{name}:{number} names a host"


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError:
        return []


def test_files_stay_small_enough_to_be_read():
    """Far above the median file of the models; ask first whether it is two things."""
    long = {path: len((ROOT / path).read_text(encoding="utf-8").splitlines()) for path in modules()}
    assert not {path: n for path, n in long.items() if n > 650}
