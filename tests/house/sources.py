"""Our own source, read once, for the tests that hold what must not slip."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
PACKAGES = ("drivers", "gateway", "central", "demo")


@cache
def modules() -> dict[str, ast.Module]:
    """Give every module of ours by its path within the checkout."""
    return {
        str(path.relative_to(ROOT)): ast.parse(path.read_text(encoding="utf-8"), str(path))
        for package in PACKAGES
        for path in sorted((ROOT / package).rglob("*.py"))
    }


def walk(kind: type[ast.AST]) -> Iterator[tuple[str, ast.AST]]:
    """Give every node of a kind with the path of its module."""
    for path, module in modules().items():
        for node in ast.walk(module):
            if isinstance(node, kind):
                yield path, node


def line(path: str, number: int) -> str:
    """Give a source line."""
    return (ROOT / path).read_text(encoding="utf-8").splitlines()[number - 1]


def imports(path: str) -> set[str]:
    """Name the modules that a module imports, however deep in it."""
    found: set[str] = set()
    for node in ast.walk(modules()[path]):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            found.add(node.module)
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found
