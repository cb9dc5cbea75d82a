"""What guards corrected, taken along as labelled crops in the folder layout that training reads."""

import csv
from pathlib import Path
from typing import Final

from gateway import config, folder
from gateway.desk import LESSONS, Desk
from gateway.errors import SettingsRefused
from gateway.plates.alphabet import COLOUR_OF
from gateway.plates.grammar import kinds_of

COLUMNS: Final = ("file", "label", "plate_colour", "source")
SOURCE: Final = "guard"


def export(config_file: Path, out: Path) -> int:
    """Write the lessons into a folder; give how many. Raises SettingsRefused without a key.

    Files are named by number: a passage's name would join a plate to its journal.
    """
    settings = config.read(config_file)
    if not (settings.desk.key_file or settings.desk.key_credential):
        raise SettingsRefused(
            "desk.key_file: the lessons are encrypted with the desk's key, and this gate draws a"
            " new one at each start; name a key file, and they can be taken along."
        )
    kept = Path(settings.data_dir) / LESSONS
    if not kept.exists():
        return 0
    lessons = Desk.open(kept, folder.desk_key(settings))
    try:
        out.mkdir(parents=True, exist_ok=True, mode=0o700)
        rows = []
        for number, (_, note) in enumerate(lessons.notes()):
            name = f"{number:05}.jpg"
            _write(out / name, note.crop)
            # The guard typed a text, and no kind: colour is what the reader saw, if it fits.
            colours = [COLOUR_OF[kind] for kind in kinds_of(note.text) if kind == note.plate_kind]
            rows.append((name, note.text, *(colours or [""]), SOURCE))
    finally:
        lessons.close()
    index = out / "index.csv"
    index.touch(mode=0o600)
    with index.open("w", encoding="utf-8", newline="") as lines:
        csv.writer(lines).writerows([COLUMNS, *rows])
    return len(rows)


def _write(file: Path, content: bytes) -> None:
    file.touch(mode=0o600)
    file.write_bytes(content)
