"""Freed memory is given back where there is much, and nothing happens where that cannot be."""

from __future__ import annotations

import ctypes
from types import SimpleNamespace

import pytest

from ipipdiag import freed_memory


@pytest.fixture
def trimmed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """What a C library that keeps freed memory was told to leave."""
    told: list[int] = []
    monkeypatch.setattr("ipipdiag.freed_memory.sys.platform", "linux")
    monkeypatch.setattr(ctypes, "CDLL", lambda _: SimpleNamespace(malloc_trim=told.append))
    return told


def test_little_is_left_where_it_is(trimmed: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(freed_memory, "KEPT_MIB", 1 << 30)
    freed_memory.give_back()
    assert not trimmed


def test_much_is_given_back(trimmed: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(freed_memory, "KEPT_MIB", 0)
    freed_memory.give_back()
    assert trimmed == [0]


def test_another_c_library_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(freed_memory, "KEPT_MIB", 0)
    monkeypatch.setattr(ctypes, "CDLL", lambda _: SimpleNamespace())
    freed_memory.give_back()
