"""A gate's settings for the commands that read them."""

from pathlib import Path


def write_settings(folder: Path, desk_key: Path | None = None, camera: str = "") -> Path:
    """Write a TOML of one lane; a camera's source if there is one."""
    lines = [
        'compound = "c01"', 'gate = "g1"', f'data_dir = "{folder / "data"}"',
        "[names]", 'zh = "门"', 'en = "gate"', "[broker]", 'url = "mqtt://127.0.0.1:1883"',
        "[seal]", f'public_key_file = "{folder / "seal.pub"}"',
    ]  # fmt: skip
    if desk_key is not None:
        lines += ["[desk]", f'key_file = "{desk_key}"']
    lines += ["[[lane]]", 'name = "in"', 'way = "in"', "takes_temperature = false"]
    if camera:
        lines += ['cameras = ["c1"]', "[[camera]]", 'name = "c1"', f'source = "{camera}"']
    file = folder / "gateway.toml"
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return file
