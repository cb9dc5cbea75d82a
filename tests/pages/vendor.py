"""Take the vendored files again from their npm packages: `python -m tests.pages.vendor`.

Prints what each hash is now; VENDOR.toml is corrected by hand, so that a change is seen.
"""

import hashlib
import subprocess
import tarfile
import tempfile
import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
FOLDERS = (ROOT / "gateway" / "web" / "vendor", ROOT / "central" / "web" / "vendor")


def listed(folder: Path) -> list[dict[str, Any]]:
    """Read a folder's VENDOR.toml."""
    return list(tomllib.loads((folder / "VENDOR.toml").read_text())["file"])


def main() -> None:
    """Fetch each package once and copy its files."""
    with tempfile.TemporaryDirectory() as work:
        for folder in FOLDERS:
            for one in listed(folder):
                package = Path(work) / f"{one['name']}-{one['version']}.tgz"
                if not package.exists():
                    wanted = f"{one['name']}@{one['version']}"
                    subprocess.run(["npm", "pack", "--silent", wanted], cwd=work, check=True)
                with tarfile.open(package) as tar:
                    member = tar.extractfile(one["path"])
                    assert member is not None
                    content = member.read()
                (folder / one["file"]).write_bytes(content)
                print(hashlib.sha256(content).hexdigest(), folder / one["file"])


if __name__ == "__main__":
    main()
