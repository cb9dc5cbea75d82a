"""Seals: what only the centre's vault may read, encrypted once, when it is recorded.

PyNaCl's sealed box to central's public key; the gate itself cannot open it again.
"""

import base64
import binascii
from collections.abc import Callable
from pathlib import Path

from nacl.exceptions import CryptoError
from nacl.public import PublicKey, SealedBox

from gateway.errors import SecretMissing, SettingsRefused

KEY_BYTES = 32


def sealer(key_file: Path) -> Callable[[bytes], bytes]:
    """Give the function that seals to the public key in a file."""
    key = "seal.public_key_file"
    encrypt = SealedBox(PublicKey(read_key(key_file, key))).encrypt
    try:
        encrypt(b"")
    except CryptoError as error:
        raise SettingsRefused(
            f"{key}: {key_file} holds 32 bytes that are no public key: take the file that"
            " `central keygen` made."
        ) from error
    return encrypt


def read_key(path: Path, key: str) -> bytes:
    """Read a key of 32 bytes from a file that holds it as base64, hexadecimal or as it is.

    `key` is the setting that names the file.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise SecretMissing(
            f"{key}: {path} cannot be read ({error.strerror}): put it there, readable by this user."
        ) from error
    return parse_key(content, f"{key}: {path}")


def parse_key(content: bytes, where: str) -> bytes:
    """Understand a key of 32 bytes, as it is or written out."""
    if len(content) == KEY_BYTES:
        return content
    text = content.strip()
    for decode in (_from_hex, _from_base64):
        key = decode(text)
        if key is not None:
            return key
    raise SettingsRefused(f"{where} holds no key: 32 bytes as base64 or hexadecimal are wanted.")


def _from_hex(text: bytes) -> bytes | None:
    try:
        key = binascii.unhexlify(text)
    except binascii.Error:
        return None
    return key if len(key) == KEY_BYTES else None


def _from_base64(text: bytes) -> bytes | None:
    try:
        key = base64.b64decode(text, validate=True)
    except binascii.Error:
        return None
    return key if len(key) == KEY_BYTES else None
