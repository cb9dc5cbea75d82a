"""Settings and commands: what is understood, what is refused, and how it ends."""

import json
import socket
import sqlite3
from pathlib import Path

import pytest
from click.testing import CliRunner
from nacl.public import PrivateKey, SealedBox

from central import backup, config, picture
from central.cli import main, open_ledger
from central.errors import LedgerUnreadable, SettingsRefused
from central.ledger import Ledger
from gateway import contract
from tests.central import places
from tests.central.gates import T0, Stream


def run(*words):
    return CliRunner().invoke(main, [str(word) for word in words])


def test_the_examples_are_understood():
    settings, site = config.read(_example_folder())
    assert len(site.gates) == len(site.compound) == 8
    assert (len(site.office), len(site.city)) == (3, 2)
    assert settings.ledger_path.name == "ledger.db"


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def _example_folder():
    Path("site.toml").write_text(places.example("site").read_text())
    Path("central.toml").write_text(places.example("central").read_text())
    return Path("central.toml")


@pytest.mark.parametrize(
    ("was", "becomes", "said"),
    [
        ("silent_s = 300", "silnt_s = 300", "feeds.silnt_s = 300: no such setting"),
        ("silent_s = 300", "silent_s = 100", "feeds.silent_s = 100.0: it is below feeds.heard_s"),
        ("count = 2", "count = 0", "backup.count = 0: Expected `int` >= 1"),
        ('url = "mqtts:', 'url = "http:', "broker.url = 'http:"),
        ("mqtts://", "mqtts://me:secret@", "broker.url: it holds a name or password"),
        ("mqtts://", "mqtts://me:secret/more@", "broker.url: it holds a name or password"),
        ("mqtts://", "mqtts://me:secret？@", "broker.url: it holds a name or password"),
        ("mqtts://", "mqtt://", "broker.ca_file: the url"),
        ('listen = "127.0.0.1:8490"', 'listen = "0.0.0.0:8490"', "http.listen = '0.0.0.0:8490'"),
        ('listen = "127.0.0.1:8490"', 'listen = "127.0.0.1"', "HOST:PORT is wanted"),
        ('data_dir = "/var/lib/gatepost-central"', "", "missing required field `data_dir`"),
        (
            'site_file = "site.toml"',
            'site_file = "nowhere.toml"',
            "nowhere.toml: it cannot be read",
        ),
        ("/srv/gatepost-backup", "/var/lib/gatepost-central", "it is data_dir itself"),
        ('private_key_credential = "vault-private-key"', "", "vault.private_key_file: give either"),
        ("/var/lib/gatepost-vault/vault.db", "/var/lib/gatepost-central/./ledger.db", "the ledger"),
        (
            "vault-table-key",
            "vault-private-key",
            "vault.table_key_credential = 'vault-private-key'",
        ),
        ("example.invalid:8883", "example.invalid:8883/x", "'x' may not follow"),
        ("example.invalid:8883", "example.invalid?x", "'x' may not follow"),
        ("example.invalid:8883", "example.invalid#x", "'x' may not follow"),
        ("invalid/mqtt", "invalid/mqtt#x", "'x' may not follow"),
        ("broker.example", "exa mple", "mqtt://HOST:PORT is wanted"),
        (
            "every_s = 2\nrefresh_s = 60",
            "every_s = 9\nrefresh_s = 6",
            "feeds.refresh_s = 6.0: it is",
        ),
        ('username = "central"', 'username = ""', "broker.username = ''"),
        ("password_credential =", 'password_file = ""\n#', "broker.password_file: Expected"),
        ("[broker]", "[broker", "it is no TOML"),
        ("[broker]", "a = " + "[" * 5000 + "]" * 5000 + "\n[broker]", "it is no TOML"),
        ("[broker]", '[broker]\npassword = "secret"', "broker.password: no such setting"),
        ("/srv/gatepost-backup", "/srv/\\u0000", "backup.directory: it holds a control character"),
        ('listen = "127.0.0.1:8490"', 'listen = "127.0.0.1:²"', "HOST:PORT is wanted"),
        ("/etc/gatepost/ca.pem", "/nowhere.pem", "of /nowhere.pem not all can be read"),
        ("password_credential =", "password_file =", "mqtt-password cannot be read"),
    ],
)
def test_a_fault_names_key_value_and_reason(was, becomes, said):
    path = _example_folder()
    text = path.read_text()
    assert was in text
    path.write_text(text.replace(was, becomes, 1))
    found = run("check", "--config", path)
    assert found.exit_code == 2
    assert said in found.output
    assert "secret" not in found.output


@pytest.mark.parametrize(
    ("was", "becomes", "said"),
    [
        ("Asia/Shanghai", "Asia/Atlantis", "zone = 'Asia/Atlantis': no such time zone"),
        ('office = "shixi"', 'office = "shinan"', "compound.c04.office = 'shinan'"),
        ('city = "binzhou"', 'city = "jinan"', "compound.c01.city = 'jinan'"),
        ('id = "c02"', 'id = "c01"', "compound.id = 'c01': there are two"),
        ('id = "c02"', 'id = "central"', "compound.id = 'central': so the centre's own alarms"),
        ('"东门"', '"\\u0007"', "names.zh: it holds a control character"),
        ('id = "c02"', 'id = "C 02"', "compound.1 (C 02).id = 'C 02': "),
        ('zone = "Asia/Shanghai"', "", "missing required field `zone`"),
    ],
)
def test_a_site_that_does_not_fit_together_is_refused(was, becomes, said):
    path = _example_folder()
    site = path.parent / "site.toml"
    site.write_text(site.read_text().replace(was, becomes, 1))
    with pytest.raises(SettingsRefused) as refused:
        config.read(path)
    assert said in str(refused.value).replace("[", ".").replace("]", "")


def test_check_prints_everything_as_understood(tmp_path):
    path = _example_folder()
    path.write_text(path.read_text().replace("ca_file", "# ca_file"))  # Not on this machine.
    found = run("check", "--config", path)
    assert found.exit_code == 0
    for line in (
        "feeds.heard_s = 150.0",
        "backup.count = 2",
        'site.compound[c08].city = "dongying"',
        'site.compound[c01].gate[east].names = {"zh": "东门", "en": "East Gate"}',
    ):
        assert line in found.output
    understood = json.loads(run("check", "--config", path, "--json").stdout)
    assert understood["feeds"]["heard_s"] == 150.0
    assert [one["id"] for one in understood["site"]["compound"]][-1] == "c08"


@pytest.mark.parametrize(
    ("was", "becomes", "said"),
    [
        (
            "/var/lib/gatepost-central",
            "site.toml",
            "data_dir = 'site.toml': site.toml is no folder",
        ),
        (
            "/srv/gatepost-backup",
            "site.toml/b",
            "backup.directory = 'site.toml/b': site.toml is no",
        ),
        ("private_key_credential =", "private_key_file =", "vault.private_key_file: [Errno 2]"),
        (
            'table_key_credential = "vault-table-key"',
            'table_key_file = "site.toml"',
            "vault.table_key_file: site.toml: 32 bytes in hexadecimal are wanted",
        ),
    ],
)
def test_check_tries_the_folders_and_keys_that_are_named(was, becomes, said):
    path = _example_folder()
    text = path.read_text().replace("ca_file", "# ca_file")  # Not on this machine.
    assert was in text
    path.write_text(text.replace(was, becomes, 1))
    found = run("check", "--config", path)
    assert (found.exit_code, said in found.output) == (2, True), found.output


def test_summary_and_gaps_of_a_running_ledger(tmp_path):
    path = places.settings(tmp_path)
    (tmp_path / "data").mkdir()
    ledger = Ledger(tmp_path / "data" / "ledger.db")
    gate = Stream()
    gate.passage()
    gate.passage(way="out", decision="refer")
    ledger.absorb("c01", "east", gate.entries, T0)
    assert run("gaps", "--config", path).output == "nothing is missing\n"
    said = json.loads(run("summary", "--config", path, "--json").output)
    assert said["passages"] == {"c01": 2}
    assert said["decisions"] == {"admit": 1, "recheck": 0, "refer": 1, "undecided": 0}
    assert said["ways"]["c01"]["out"] == 1
    assert (said["rows"], said["distinct"], said["lost"], said["missing"]) == (11, 11, 0, 0)
    assert list(said["days"]) == ["2020-02-11"]
    gate.passage()
    ledger.absorb("c01", "east", gate.entries[12:], T0)
    lost = contract.Lost(stream=gate.id, first=12, last=12, reason="disk")
    gate.passage()
    ledger.hello("c01", "east", contract.Hello(v=1, boot="b", lost=(lost,)), T0)
    ledger.absorb("c01", "east", gate.entries[18:], T0)
    found = run("gaps", "--config", path)
    assert f"lost: c01/east stream {gate.id} 12 to 12 (1 entries): disk" in found.output
    assert f"holes: c01/east stream {gate.id} 17 to 18 (2 entries)" in found.output
    assert "  c01: 2 (in 1, out 1)" in run("summary", "--config", path).output
    told = json.loads(run("gaps", "--config", path, "--json").output)
    assert told["holes"][0]["entries"] == 2
    ledger.close()


def test_a_trouble_is_closed_by_whoever_has_seen_it(tmp_path):
    path = places.settings(tmp_path)
    (tmp_path / "data").mkdir()
    ledger = Ledger(tmp_path / "data" / "ledger.db")
    gate = Stream()
    lost = contract.Lost(stream=gate.id, first=1, last=2)
    ledger.hello("c01", "east", contract.Hello(v=1, boot="b", lost=(lost,)), T0)
    words = ("acknowledge", "--config", path, "--compound", "c01", "--gate", "east")
    assert len(list(picture.troubles(ledger.db))) == 1
    assert run(*words, "--what", "fork", "--by", "leader").exit_code == 1
    found = run(*words, "--what", "lost", "--by", "leader")
    assert (found.exit_code, found.output) == (0, "acknowledged\n")
    assert list(picture.troubles(ledger.db)) == []
    more = contract.Lost(stream=gate.id, first=5, last=6)
    ledger.hello("c01", "east", contract.Hello(v=1, boot="b", lost=(more,)), T0)
    assert len(list(picture.troubles(ledger.db))) == 1
    ledger.close()


@pytest.mark.parametrize("word", ["summary", "gaps"])
def test_no_ledger_is_a_failure_and_begins_none(tmp_path, word):
    path = places.settings(tmp_path)
    found = run(word, "--config", path)
    assert found.exit_code == 1
    assert "ledger.db" in found.output
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("word", ["summary", "gaps", "acknowledge"])
def test_a_database_that_is_no_ledger_is_a_failure_in_one_line(tmp_path, word):
    path = places.settings(tmp_path)
    (tmp_path / "data").mkdir()
    with sqlite3.connect(tmp_path / "data" / "ledger.db") as db:
        db.execute("CREATE TABLE stream (something)")
    db.close()
    more = ("--compound", "c01", "--gate", "east", "--what", "fork", "--by", "leader")
    found = run(word, "--config", path, *(more if word == "acknowledge" else ()))
    assert found.exit_code == 1
    assert "is it the ledger" in found.output
    assert len(found.output.splitlines()) == 1


def test_a_folder_that_cannot_be_had_is_said(tmp_path):
    path = places.settings(tmp_path)
    (tmp_path / "data").write_text("a file where the folder should be")
    found = run("run", "--config", path)
    assert found.exit_code == 2
    assert "data_dir" in found.output


def test_a_port_that_another_holds_is_a_failure_after_which_it_is_started_again(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as other:
        path = places.settings(tmp_path, http_port=other.getsockname()[1])
        found = run("run", "--config", path)
    assert found.exit_code == 1
    assert "http.listen = '127.0.0.1:" in found.output


def test_keys_are_made_once(tmp_path):
    words = ("keygen", "--private", "vault.key", "--public", "seal.pub", "--table", "table.key")
    assert run(*words).exit_code == 0
    private = bytes.fromhex((tmp_path / "vault.key").read_text())
    public = bytes.fromhex((tmp_path / "seal.pub").read_text())
    assert bytes(PrivateKey(private).public_key) == public
    assert (tmp_path / "vault.key").stat().st_mode & 0o077 == 0
    assert SealedBox(PrivateKey(private)).decrypt(
        SealedBox(PrivateKey(private).public_key).encrypt(b"x")
    )
    again = run(*words)
    assert again.exit_code == 2
    assert "never overwritten" in again.output
    assert bytes.fromhex((tmp_path / "vault.key").read_text()) == private


@pytest.mark.parametrize("words", [(), ("run",), ("vault", "run"), ("gaps", "--config")])
def test_wrong_use(words):
    assert run(*words).exit_code == 2


@pytest.mark.parametrize(
    "word", ["run", "check", "summary", "gaps", "acknowledge", "keygen", "vault"]
)
def test_every_command_has_help(word):
    found = run(word, "--help")
    assert found.exit_code == 0
    assert len(found.output.splitlines()) > 4


def test_an_empty_ledger_is_never_begun_beside_backups_that_are_not(tmp_path):
    settings, site = config.read(places.settings(tmp_path))
    path, folder = settings.ledger_path, Path(settings.backup.directory)
    path.parent.mkdir()
    ledger = open_ledger(settings, site)
    backup.make(path, folder, 3, T0)
    ledger.close()
    ledger = open_ledger(settings, site)  # No gate has spoken yet: nothing is missing.
    ledger.absorb("c01", "east", Stream().entries, T0)
    backup.make(path, folder, 3, T0 + 1)
    ledger.close()
    (_, good) = backup.backups(folder)
    path.write_bytes(b"")
    with pytest.raises(LedgerUnreadable, match=f"it is gone, but there are backups.*cp {good} "):
        open_ledger(settings, site)
    assert path.read_bytes() == b""
    path.unlink()
    Ledger(path).close()
    backup.make(path, folder, 3, T0 + 2)
    with pytest.raises(LedgerUnreadable, match=f"it is empty, but backups are not.*cp {good} "):
        open_ledger(settings, site)
    assert backup.newest_good(folder) == good
