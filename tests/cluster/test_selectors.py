"""Calico's selectors, evaluated on the labels of a node."""

from __future__ import annotations

import pytest

from ipipdiag.cluster.selectors import selects

LABELS = {"rack": "r1", "kubernetes.io/os": "linux", "route-reflector": "true", "empty": ""}


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        ("", True),
        ("all()", True),
        ("all( )", True),
        ("!all()", False),
        ("has(rack)", True),
        ("has( rack )", True),
        ("has(zone)", False),
        ("!has(zone)", True),
        ("has(empty)", True),
        ("rack == 'r1'", True),
        ('rack == "r1"', True),
        ("rack=='r2'", False),
        ("rack != 'r2'", True),
        ("zone != 'a'", True),  # a missing label is not equal
        ("zone == 'a'", False),
        ("kubernetes.io/os == 'linux'", True),
        ("rack in {'r1', 'r2'}", True),
        ("rack in {'r2'}", False),
        ("rack not in {'r2'}", True),
        ("zone not in {'a'}", True),
        ("rack contains '1'", True),
        ("rack starts with 'r'", True),
        ("rack ends with '2'", False),
        ("zone contains 'a'", False),
        ("has(rack) && has(zone)", False),
        ("has(rack) || has(zone)", True),
        ("has(zone) || has(rack) && rack == 'r1'", True),
        ("(has(zone) || has(rack)) && rack == 'r2'", False),
        ("!(rack == 'r1')", False),
        ("!!has(rack)", True),
        ("notice == 'x' || inner == 'y'", False),  # labels that begin like words of the language
    ],
)
def test_understood(selector: str, *, expected: bool) -> None:
    assert selects(selector, LABELS) is expected


@pytest.mark.parametrize(
    "selector",
    ["rack", "rack = 'r1'", "rack == r1", "has(rack", "rack in {}", "rack in {'a'", "has(rack))", "&& has(rack)",
     "rack === 'x'", "(" * 3000, "!" * 1500, "'r1' == rack == 'r1'", "rack == 'r1' has(rack)", "rack == 'open"],
)  # fmt: skip
def test_not_understood_is_unknown(selector: str) -> None:
    assert selects(selector, LABELS) is None


def test_labels_that_are_not_known() -> None:
    assert selects("has(rack)", None) is None
    assert selects("all()", None) is True
