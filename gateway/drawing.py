"""Files that a command draws into: refused before the work is done, not after it."""

import os
from collections.abc import Callable
from pathlib import Path

import click


def into(*endings: str) -> Callable[[click.Context, click.Parameter, Path | None], Path | None]:
    """Make an option's check: a file that ends so, or in nothing, in a folder that takes it."""

    def check(_context: click.Context, _option: click.Parameter, out: Path | None) -> Path | None:
        if out is None:
            return None
        if out.suffix and out.suffix.lower() not in endings:
            raise click.BadParameter(f"{out}: its ending must be {' or '.join(endings)}")
        if not os.access(out if out.exists() else out.parent, os.W_OK):
            raise click.BadParameter(f"{out}: this user cannot write there, or there is no folder")
        return out

    return check
