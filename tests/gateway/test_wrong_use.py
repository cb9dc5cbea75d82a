"""Commands given what they cannot use: one line that says what and where, 1 or 2, no traceback."""

import shlex
import sqlite3
import subprocess
import sys

import pytest
from click.testing import CliRunner

from gateway.cli import gateway

from .journals import fill, open_journal
from .site import Gate


@pytest.fixture
def gate(tmp_path):
    """A gate's folder and settings; nothing runs."""
    made = Gate(tmp_path, 1883)
    made.journal.parent.mkdir()
    return made


def run(*words):
    done = CliRunner().invoke(gateway, [str(word) for word in words], prog_name="gateway")
    assert "Traceback" not in done.output
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "cannot be read"),
        (b"\x00\xff\x80", "no UTF-8"),
        (b"hello world", "no TOML"),
        (b"a = " + b"[" * 5000 + b"]" * 5000, "no TOML"),
        (b"", "missing required field `compound`"),
    ],
)
@pytest.mark.parametrize(
    "word", ["check", "journal verify", "run", "doctor", "plates lessons --out lessons"]
)
def test_settings_that_are_none(tmp_path, word, content, said):
    path = tmp_path / "gateway.toml"
    if content is not None:
        path.write_bytes(content)
    done = run(*word.split(), "--config", path)
    assert (done.exit_code, said in done.stderr) == (2, True), done.stderr
    assert str(path) in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert run(*word.split(), "--config", tmp_path).exit_code == 2


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('seal.pub"', 'nowhere.pub"', "seal.public_key_file: "),
        ('/data"', '/seal.pub"', "seal.pub is no folder"),
        ('/data"', '/seal.pub/data"', "seal.pub is no folder"),
        ("[screen]", '[plates]\nreader = "tesseract"\n[screen]', "plates.reader = 'tesseract': "),
        ('seal.pub"', 'zero.pub"', "no public key"),
        ("[screen]", '[desk]\nkey_file = "/nowhere"\n[screen]', "/nowhere cannot be read"),
        ("[seal]", 'password_file = "/nowhere"\n[seal]', "/nowhere cannot be read"),
        ("mqtt://", "mqtts://", None),
        ("[seal]", "[seal]", None),
        ("reconnect_s_max = 1", 'ca_file = "/nowhere"', "/nowhere"),
        ("sim://gy_mcu90614", "sim://gy_mcu", "thermometer.t1.port = 'sim://gy_mcu?"),
        ("object=36.4", "object=warm", "'warm' is no temperature"),
        ("sim://gy_mcu90614", "smi://gy_mcu90614", "protocol 'smi' not known"),
        ("sim://gy_mcu90614", "socket://gy_mcu90614", "socket://HOST:PORT is wanted"),
        ('place = "indoors"', 'cameras = ["c1"]\n[[camera]]\nname = "c1"\nsource = "ftp://x"',
         "camera.c1.source = 'ftp://x'"),
        ('place = "indoors"', 'cameras = ["c1"]\n[[camera]]\nname = "c1"\nsource = "folder://"',
         "the whole path is wanted"),
    ],
)  # fmt: skip
def test_check_tries_the_files_and_addresses_that_are_named(gate, monkeypatch, old, new, said):
    monkeypatch.setenv("PATH", "/nowhere")  # No tesseract.
    (gate.folder / "zero.pub").write_bytes(bytes(32))
    text = gate.config.read_text()
    assert old in text
    text = text.replace(old, new, 1)
    if new.startswith("ca_file"):
        text = text.replace("mqtt://", "mqtts://")
    gate.config.write_text(text)
    done = run("check", "--config", gate.config)
    assert done.exit_code == (2 if said else 0), done.output
    assert (said or "") in done.stderr


def _leave_a_table(path):
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE stream (something)")
    connection.close()


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda path: None, "has the gate run once"),
        (lambda path: path.write_bytes(b"no database" * 999), "restart the gateway"),
        (lambda path: path.touch(), "is data_dir right"),
        (lambda path: path.mkdir(), "is data_dir right"),
        (_leave_a_table, "is data_dir right"),
    ],
)
@pytest.mark.parametrize("word", ["tail", "verify"])
def test_a_journal_that_cannot_be_read(gate, word, spoil, said):
    spoil(gate.journal)
    before = sorted(gate.journal.parent.iterdir())
    done = run("journal", word, "--config", gate.config, "--json")
    assert (done.exit_code, done.stdout) == (1, "")
    assert str(gate.journal) in done.stderr
    assert "cannot be read" in done.stderr
    assert said in done.stderr
    assert sorted(gate.journal.parent.iterdir()) == before


def test_a_journal_that_was_tampered_with_is_shown_as_it_stands(gate):
    journal = open_journal(gate.journal)
    fill(journal, 9)
    journal.close()
    with sqlite3.connect(gate.journal) as connection:
        connection.execute("UPDATE entry SET open = x'ff7b' WHERE id = 3")
    connection.close()
    for more in ((), ("--json",)):
        done = run("journal", "tail", "--config", gate.config, *more)
        assert (done.exit_code, "\ufffd{" in done.stdout) == (0, True)
    assert run("journal", "verify", "--config", gate.config).exit_code == 1


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (("decode", "gy_mcu90614", "5a5"), 2, "3 digits, an odd number"),
        (("decode", "gy_mcu90614", "5a", "zz"), 2, "'z' is no hex digit"),
        (("decode", "gy_mcu90614", " "), 1, "no bytes"),
        (("decode", "../cli", "5a"), 2, "there are: a02yyuw"),
        (("plates", "read", "x" * 300), 1, "File name too long"),
        (("plates", "benchmark", "."), 2, "is no index"),
        (("journal", "tail", "--config", "x", "--entries", "9" * 5000), 2, "--entries"),
        (("nosuch",), 2, "No such command"),
    ],
)
def test_arguments_that_are_none(words, status, said):
    done = run(*words)
    assert (done.exit_code, said in done.stderr) == (status, True), done.stderr


@pytest.mark.parametrize(("sink", "said"), [("| head -c 1", ""), ("> /dev/full", "No space left")])
def test_a_reader_that_hangs_up_and_a_full_disk_get_no_traceback(gate, sink, said):
    journal = open_journal(gate.journal)
    fill(journal, 2000)  # More than a pipe holds.
    journal.close()
    for words in (f"gateway journal tail --config {gate.config} --entries 2000",
                  f"gateway check --config {gate.config}",
                  "gateway --help", "central check --help"):  # fmt: skip
        done = subprocess.run(
            ["sh", "-c", f"{shlex.quote(sys.executable)} -m {words} {sink}"],
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert "Traceback" not in done.stderr
        assert "Exception ignored" not in done.stderr
        assert said in done.stderr
        assert done.returncode == (1 if "full" in sink else 0)
