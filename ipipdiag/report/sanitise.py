"""The one sanitiser for text that comes from outside: file names, interface names, comments, names of nodes and pods.

A capture can be made to carry terminal escapes, line breaks or bidirectional overrides in such names. Whatever a report
shows goes through :func:`visible` first.
"""

from __future__ import annotations

from typing import Any


def visible(text: str) -> str:
    """The text with every character that does not print as itself replaced by a visible escape such as ``\\x1b``.

    That is all of Unicode's control, format (bidirectional overrides, zero-width), surrogate, private and unassigned
    characters, line and paragraph separators, and spaces other than the ordinary one. Bytes of file names that are not
    UTF-8 show as their value.
    """
    if text.isprintable():
        return text
    return "".join(character if character.isprintable() else _escape(ord(character)) for character in text)


def visible_in(document: Any) -> Any:
    """A document of dicts and lists with every text in it made visible."""
    if isinstance(document, str):
        return visible(document)
    if isinstance(document, dict):
        return {key: visible_in(value) for key, value in document.items()}
    if isinstance(document, list):
        return [visible_in(value) for value in document]
    return document


def _escape(code: int) -> str:
    if 0xDC80 <= code <= 0xDCFF:  # a byte that os.fsdecode could not decode (PEP 383)
        return f"\\x{code - 0xDC00:02x}"
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
