"""IPD2007 OuterHeaderUnexpected."""

from __future__ import annotations

import pytest

from ipipdiag.checks.model import Reason, Severity, Status
from tests.builders.packets import ethernet
from tests.checks.world import (
    MAC_NODE_A,
    MAC_ROUTER,
    NODE_A,
    NODE_B,
    ROUTER,
    Examination,
    at,
    bgp,
    from_a,
    from_b,
    gateway_arp,
    reply,
    request,
    wrapped,
)


def sent(**fields: int) -> list[tuple[int, bytes]]:
    """Node A's own packets, with traffic that shows whose NIC this is."""
    third = [
        at(0.5 + n, ethernet(request(n, NODE_A, ROUTER, ttl=64), source=MAC_NODE_A, destination=MAC_ROUTER))
        for n in range(3)
    ]
    inner = {name[6:]: value for name, value in fields.items() if name.startswith("inner_")}
    outer = {name: value for name, value in fields.items() if not name.startswith("inner_")}
    return [*bgp(), *third, at(5, from_a(wrapped(request(**inner), **outer)))]


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"inner_dont_fragment": 1, "dont_fragment": 1},
        {"dont_fragment": 1},
        {"inner_ecn": 2, "ecn": 2},
        {"inner_ecn": 3, "ecn": 2},
        {"inner_dscp": 46},
    ],
    ids=["plain", "DF copied", "pmtudisc", "ECT(0)", "CE", "inner DSCP"],
)
def test_what_tunl0_writes_passes(examine: Examination, fields: dict[str, int]) -> None:
    assert examine(sent(**fields)).status is Status.PASS


@pytest.mark.parametrize("fields", [{"ttl": 61}, {"ttl": 61, "dscp": 10}, {"ttl": 62, "ecn": 3}])
def test_what_routers_and_fabrics_change_passes_at_the_receiver(examine: Examination, fields: dict[str, int]) -> None:
    received = at(6, from_b(wrapped(reply(), NODE_B, NODE_A, **fields)))
    assert examine([*sent(), received]).status is Status.PASS


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"ttl": 64}, "TTL"),
        ({"inner_dont_fragment": 1}, "DF"),
        ({"dscp": 46}, "DSCP"),
        ({"inner_ecn": 2}, "ECN"),
        ({"id": 0}, "identification"),
    ],
)
def test_deviations_at_the_sender_are_warnings(examine: Examination, fields: dict[str, int], said: str) -> None:
    finding = examine(sent(**fields)).finding
    assert finding.severity is Severity.WARNING
    assert said in finding.expected


def test_outer_ttl_above_the_inner_one_is_a_warning_anywhere(examine: Examination) -> None:
    received = at(6, from_b(wrapped(reply(), NODE_B, NODE_A, ttl=200)))
    assert examine([*sent(), received]).findings


def test_pod_link_cannot_show_it(examine: Examination) -> None:
    assert examine(gateway_arp()).reason is Reason.WRONG_POINT
