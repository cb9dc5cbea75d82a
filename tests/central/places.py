"""Where the tests' centre lives: settings written for a folder, and the example site."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HEARD_S = 120
"""So long a gate is heard: no test on a busy machine takes it for silent by itself."""


def example(name) -> Path:
    return ROOT / "systemd" / f"{name}.example.toml"


def settings(folder, *, broker_port=1883, http_port=0, more="") -> Path:
    """Write a centre's settings, with short waits; give their path."""
    (folder / "site.toml").write_text(example("site").read_text())
    path = folder / "central.toml"
    path.write_text(f"""\
site_file = "site.toml"
data_dir = "{folder}/data"
[broker]
url = "mqtt://127.0.0.1:{broker_port}"
websockets_url = "ws://127.0.0.1:9001"
reconnect_s_max = 1
[backup]
directory = "{folder}/backup"
every_s = 86400
[http]
listen = "127.0.0.1:{http_port}"
[feeds]
every_s = 0.2
refresh_s = 5
heard_s = {HEARD_S}
silent_s = {HEARD_S}
{more}
""")
    return path
