"""Opens seals into encrypted search tables: a process of its own, with the only private key.

It reads the ledger beside `central run` and follows each stream up to its watermark; the counting
path never opens a seal. What it writes is encrypted at rest: a found text is looked up by a keyed
hash of it (HMAC-SHA256 under the table key), and the rest lies in secret boxes under another key
drawn from the same one. Without the table key the tables tell times and places and nothing else.
"""

import hashlib
import hmac
import logging
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final, TypeAlias

import msgspec
from nacl.exceptions import CryptoError
from nacl.public import PrivateKey, SealedBox
from nacl.secret import SecretBox

from central import reading
from central.errors import VaultLocked
from central.keys import key_of, read_key
from gateway import contract

log = logging.getLogger(__name__)
KEY_BYTES: Final = 32
_CHUNK: Final = 500
_ERASED_MAX: Final = 5000
_TABLES: Final = """
CREATE TABLE IF NOT EXISTS opened (
    stream TEXT NOT NULL, seq INTEGER NOT NULL,
    kind TEXT NOT NULL, compound TEXT NOT NULL, gate TEXT NOT NULL,
    passage TEXT, at_ms INTEGER NOT NULL, arrived_ms INTEGER NOT NULL,
    box BLOB NOT NULL,                -- the sealed body, in a secret box
    PRIMARY KEY (stream, seq)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS token (
    token BLOB NOT NULL, stream TEXT NOT NULL, seq INTEGER NOT NULL,
    certain INTEGER NOT NULL,         -- 0: only a candidate of an unsure reading
    PRIMARY KEY (token, stream, seq)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS unopened (
    stream TEXT NOT NULL, seq INTEGER NOT NULL, reason TEXT NOT NULL,
    PRIMARY KEY (stream, seq)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS followed (
    stream TEXT PRIMARY KEY, seq INTEGER NOT NULL
) WITHOUT ROWID;
"""


GoesOn: TypeAlias = Callable[[], bool]
"""Asked between two portions, each of which is committed: whether to go on."""


def always() -> bool:
    """Go on until all is done."""
    return True


def read_key_bytes(content: bytes, what: str) -> bytes:
    """Read a key of 32 bytes, as hexadecimal or as it is; raises VaultLocked."""
    if len(content) == KEY_BYTES:
        return content
    try:
        key = bytes.fromhex(content.decode().strip())
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise VaultLocked(f"{what}: 32 bytes in hexadecimal are wanted; `central keygen` makes it")
    return key


class Vault:
    """The opened seals."""

    def __init__(self, path: str | Path, private_key: bytes, table_key: bytes) -> None:
        self._seals = SealedBox(PrivateKey(private_key))
        self._box = SecretBox(hashlib.sha256(b"gatepost-vault-box\0" + table_key).digest())
        self._token_key = hashlib.sha256(b"gatepost-vault-token\0" + table_key).digest()
        try:
            self._db = sqlite3.connect(path, isolation_level=None, timeout=10.0)
            self._db.row_factory = sqlite3.Row
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = FULL")
            self._db.execute("PRAGMA secure_delete = ON")
            self._db.executescript(_TABLES)
        except sqlite3.Error as error:
            raise VaultLocked(
                f"{path}: {error}; set it aside, and the vault opens the ledger's seals again"
            ) from error

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()

    # --- Following the ledger ---

    def follow(self, ledger_path: str, goes_on: GoesOn = always) -> int:
        """Open what the ledger has committed since; return how many seals were opened.

        Raises LedgerUnreadable.
        """
        opened = 0
        with closing(reading.open_read_only(ledger_path)) as ledger:
            streams = ledger.execute(
                "SELECT no, id, compound, gate, committed FROM stream WHERE committed > 0"
            ).fetchall()
            for stream in streams:
                after = self._followed(stream["id"])
                while after < stream["committed"] and goes_on():
                    after, found = self._follow_some(ledger, stream, after)
                    opened += found
        return opened

    def _followed(self, stream: str) -> int:
        row = self._db.execute("SELECT seq FROM followed WHERE stream = ?", (stream,)).fetchone()
        return row["seq"] if row else 0

    def _follow_some(
        self, ledger: sqlite3.Connection, stream: sqlite3.Row, after: int
    ) -> tuple[int, int]:
        until = min(stream["committed"], after + _CHUNK)
        rows = ledger.execute(
            "SELECT key, kind, open, sealed, arrived_ms FROM entry"
            " WHERE key > ? AND key <= ? AND sealed IS NOT NULL",
            (key_of(stream["no"], after), key_of(stream["no"], until)),
        ).fetchall()
        opened = 0
        self._db.execute("BEGIN IMMEDIATE")
        for row in rows:
            opened += self._open(stream, row)
        self._db.execute(
            "INSERT INTO followed VALUES (?, ?) ON CONFLICT DO UPDATE SET seq = excluded.seq",
            (stream["id"], until),
        )
        self._db.execute("COMMIT")
        return until, opened

    def _open(self, stream: sqlite3.Row, row: sqlite3.Row) -> int:
        name = (stream["id"], read_key(row["key"])[1])
        try:
            body = self._seals.decrypt(row["sealed"])
            plain = msgspec.json.decode(body, type=contract.SEALED[row["kind"]])
            about = msgspec.json.decode(row["open"], type=contract.Body)
        except (CryptoError, KeyError, RecursionError, ValueError) as error:
            # Kept in the ledger all the same: with the right key or a later version it opens.
            reason = type(error).__name__
            self._db.execute("INSERT OR REPLACE INTO unopened VALUES (?, ?, ?)", (*name, reason))
            return 0
        self._db.execute(
            "INSERT OR REPLACE INTO opened VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (*name, row["kind"], stream["compound"], stream["gate"], about.passage, about.at_ms,
             row["arrived_ms"], self._box.encrypt(body)),
        )  # fmt: skip
        if isinstance(plain, contract.SealedPlate):
            for text in {plain.text, *plain.candidates} - {""}:
                self._db.execute(
                    "INSERT OR REPLACE INTO token VALUES (?, ?, ?, ?)",
                    (self._token(text), *name, int(text == plain.text)),
                )
        return 1

    def _token(self, text: str) -> bytes:
        return hmac.new(self._token_key, text.upper().encode(), hashlib.sha256).digest()

    # --- Looking up ---

    def sightings(self, plate: str) -> Iterator[dict[str, Any]]:
        """Find where and when a plate was read; the caller must write down who asked, and why."""
        for row in self._db.execute(
            "SELECT o.*, t.certain FROM token t JOIN opened o USING (stream, seq)"
            " WHERE t.token = ? ORDER BY o.at_ms",
            (self._token(plate),),
        ):
            yield {
                "compound": row["compound"], "gate": row["gate"], "at_ms": row["at_ms"],
                "passage": row["passage"], "certain": bool(row["certain"]),
                "sealed": msgspec.json.decode(self._box.decrypt(row["box"])),
            }  # fmt: skip

    def counts(self) -> dict[str, int]:
        """Tell how much is opened and how much would not open."""
        return {
            table: self._db.execute(f"SELECT count(*) FROM {table}").fetchone()[0]  # noqa: S608
            for table in ("opened", "unopened", "token")
        }

    def erase(self, before_ms: int, goes_on: GoesOn = always) -> int:
        """Erase what arrived before a moment; the ledger's clock is the vault's, too."""
        erased = portion = self._erase_some(before_ms)
        while portion == _ERASED_MAX and goes_on():
            portion = self._erase_some(before_ms)
            erased += portion
        return erased

    def _erase_some(self, before_ms: int) -> int:
        erased = 0
        self._db.execute("BEGIN IMMEDIATE")
        for table in ("token", "opened"):
            erased = self._db.execute(
                f"DELETE FROM {table} WHERE (stream, seq) IN"  # noqa: S608
                " (SELECT stream, seq FROM opened WHERE arrived_ms < ?"
                " ORDER BY stream, seq LIMIT ?)",
                (before_ms, _ERASED_MAX),
            ).rowcount
        self._db.execute("COMMIT")
        return erased
