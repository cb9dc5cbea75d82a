"""The vault opens what the ledger committed, and its tables tell nothing without their key."""

import json

import pytest
from click.testing import CliRunner
from nacl.public import PrivateKey, SealedBox

import central.vault
from central.cli import main
from central.errors import VaultLocked
from central.ledger import Ledger
from central.vault import Vault, read_key_bytes
from gateway import contract
from tests.central import places
from tests.central.gates import T0, Stream

KEY = PrivateKey(b"k" * 32)
TABLE = b"t" * 32
PLATE = "鲁M0A000"


def sealed(body, key=KEY):
    return SealedBox(key.public_key).encrypt(contract.encode(body))


@pytest.fixture
def path(tmp_path):
    (tmp_path / "data").mkdir()
    ledger = Ledger(tmp_path / "data" / "ledger.db")
    gate = Stream()
    ref = gate.opened()
    body = contract.SealedPlate(text=PLATE, candidates=(PLATE, "鲁MOA000"))
    gate.plate(ref, sealed=sealed(body))
    gate.plate(ref, sealed=sealed(body, PrivateKey.generate()))
    gate.put(
        contract.ReadingTaken, passage=ref, device="t1", person=1, result="NORMAL",
        sealed=sealed(contract.SealedReading(raw_centi_c=3500)),
    )  # fmt: skip
    gate.plate(ref, sealed=b"rubbish")
    gate.plate(ref, sealed=sealed(body))
    ledger.absorb("c01", "east", gate.entries, T0)
    yield ledger.path
    ledger.close()


@pytest.fixture
def vault(tmp_path):
    found = Vault(tmp_path / "vault.db", bytes(KEY), TABLE)
    yield found
    found.close()


def test_a_plate_is_found_by_its_text_only(vault, path):
    assert vault.follow(path) == 3
    assert vault.follow(path) == 0
    assert vault.counts() == {"opened": 3, "unopened": 2, "token": 4}
    first, second = vault.sightings(PLATE)
    assert first["certain"]
    assert (first["compound"], first["gate"], first["sealed"]["text"]) == ("c01", "east", PLATE)
    assert first["passage"] == second["passage"]
    assert [one["certain"] for one in vault.sightings("鲁MOA000")] == [False, False]
    assert list(vault.sightings("鲁M0A001")) == []


def test_it_waits_for_the_watermark(vault, tmp_path):
    ledger = Ledger(tmp_path / "ledger.db")
    gate = Stream()
    gate.plate(gate.opened(), sealed=sealed(contract.SealedPlate(text=PLATE)))
    ledger.absorb("c01", "east", gate.entries[2:], T0)
    assert vault.follow(ledger.path) == 0
    ledger.absorb("c01", "east", gate.entries, T0)
    assert vault.follow(ledger.path) == 1
    ledger.close()


def test_the_file_holds_no_plain_text(vault, path, tmp_path):
    vault.follow(path)
    vault.close()
    for file in tmp_path.glob("vault.db*"):
        content = file.read_bytes()
        assert PLATE.encode() not in content
        assert b"raw_centi_c" not in content


def test_another_table_key_finds_nothing(vault, path, tmp_path):
    vault.follow(path)
    other = Vault(tmp_path / "vault.db", bytes(KEY), b"o" * 32)
    assert list(other.sightings(PLATE)) == []
    other.close()


def test_it_erases_on_the_ledgers_clock(vault, path):
    vault.follow(path)
    assert vault.erase(T0) == 0
    assert vault.erase(T0 + 1) == 3
    assert vault.counts()["token"] == 0


def test_a_long_work_is_done_in_portions_and_can_be_left_between_them(vault, path, monkeypatch):
    monkeypatch.setattr(central.vault, "_CHUNK", 2)
    monkeypatch.setattr(central.vault, "_ERASED_MAX", 1)
    asked = []

    def goes_on(portions):
        asked.append(1)
        return len(asked) < portions

    assert vault.follow(path, lambda: goes_on(3)) < 3
    assert len(asked) == 3
    vault.follow(path)
    asked.clear()
    assert vault.erase(T0 + 1, lambda: goes_on(2)) == 2
    assert vault.counts()["opened"] == 1
    assert vault.erase(T0 + 1) == 1
    assert vault.counts() == {"opened": 0, "unopened": 2, "token": 0}


def test_the_command(path, tmp_path):
    for name, key in (("vault.key", bytes(KEY)), ("table.key", TABLE)):
        (tmp_path / name).write_text(key.hex())
    config = places.settings(
        tmp_path,
        more=f"""
[retention]
sealed_days = 180
[vault]
private_key_file = "{tmp_path}/vault.key"
table_key_file = "{tmp_path}/table.key"
database = "{tmp_path}/vault.db"
""",
    )
    found = CliRunner().invoke(main, ["vault", "run", "--once", "--config", str(config)])
    assert found.exit_code == 0, found.output
    assert json.loads(found.stdout)["opened"] == 3
    (tmp_path / "table.key").write_text("too short")
    found = CliRunner().invoke(main, ["vault", "run", "--once", "--config", str(config)])
    assert (found.exit_code, "table_key_file" in found.output) == (1, True)


def test_a_file_that_is_no_vault_is_left_alone(tmp_path):
    (tmp_path / "vault.db").write_bytes(b"a shopping list" * 100)
    with pytest.raises(VaultLocked, match="set it aside"):
        Vault(tmp_path / "vault.db", bytes(KEY), TABLE)
    with pytest.raises(VaultLocked):
        read_key_bytes(b"short", "key")
