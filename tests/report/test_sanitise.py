"""What must pass unchanged, what must become visible."""

from __future__ import annotations

import os

import pytest

from ipipdiag.report.sanitise import visible


@pytest.mark.parametrize(
    "text", ["", "a-eth0.pcap", "knoten-ä", "节点-甲", "a → b · µs", r"C:\captures\a.pcap", "[red]x[/]"]
)
def test_ordinary_text_stays_as_it_is(text: str) -> None:
    assert visible(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("eth0\x1b[31m", r"eth0\x1b[31m"),
        ("a\nb\tc\r", r"a\x0ab\x09c\x0d"),
        ("\x9b31m", r"\x9b31m"),  # the one-byte form of ESC [
        ("abc\u202egnp.exe", r"abc\u202egnp.exe"),
        ("a\u200bb\ufeff", r"a\u200bb\ufeff"),
        ("a\u2028b\u00a0c", r"a\u2028b\xa0c"),
        ("\U000e0041", r"\U000e0041"),
        (os.fsdecode(b"caf\xe9.pcap"), r"caf\xe9.pcap"),
        ("\ud83d", r"\ud83d"),
    ],
)
def test_what_does_not_print_becomes_visible(text: str, shown: str) -> None:
    assert visible(text) == shown
    assert visible(text).isprintable()
