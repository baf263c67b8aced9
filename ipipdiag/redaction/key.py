"""The key of a redaction: of one run, or kept in a file so that two runs give the same replacements."""

from __future__ import annotations

import hashlib
import hmac
import os
from pathlib import Path

KEY_BYTES = 32
OWNER_ONLY = 0o600


class KeyFileError(Exception):
    """A key file that cannot be made or used; the text names it, what was found and what to try."""


def new_key() -> bytes:
    """A key for one run."""
    return os.urandom(KEY_BYTES)


def load_key(path: Path) -> bytes:
    """The key in a file, 64 hexadecimal digits; a file that is not there is made, readable for its owner alone.

    Raises KeyFileError where the file holds no key, or others may read it.
    """
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OWNER_ONLY)
    except FileExistsError:
        return _read(path)
    except OSError as error:
        raise KeyFileError(f"{path}: the key file cannot be made ({error.strerror or error})") from None
    key = new_key()
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(key.hex() + "\n")
    return key


def _read(path: Path) -> bytes:
    try:
        mode, text = path.stat().st_mode & 0o777, path.read_text(encoding="ascii").strip()
        key = bytes.fromhex(text)
    except (OSError, ValueError) as error:
        raise KeyFileError(f"{path}: is no key file ({error}); name one that is not there, to have it made") from None
    if len(key) != KEY_BYTES:
        raise KeyFileError(f"{path}: is no key file: {2 * KEY_BYTES} hexadecimal digits are expected")
    if mode & ~OWNER_ONLY:
        raise KeyFileError(f"{path}: others may read it (mode {mode:o}); chmod 600 it, or use a new key")
    return key


class Prf:
    """A pseudo-random function of a key: HMAC with SHA-256 (RFC 2104), for one purpose."""

    def __init__(self, key: bytes, purpose: str) -> None:
        self._key = hmac.digest(key, purpose.encode(), hashlib.sha256)

    def __call__(self, data: bytes) -> bytes:
        """32 bytes that only the key tells from random ones."""
        return hmac.digest(self._key, data, hashlib.sha256)
