"""IPD3007 Detour."""

from __future__ import annotations

from typing import Any

import pytest

from ipipdiag.checks.forwarding import Relay, relay_finding
from ipipdiag.checks.model import Confidence, Finding, Reason, Severity, Status
from ipipdiag.checks.rules import ipd3007_detour
from tests.builders.packets import ethernet
from tests.checks.world import (
    MAC_NODE_A,
    MAC_NODE_B,
    NODE_A,
    NODE_B,
    Examination,
    Timed,
    at,
    bgp,
    from_a,
    pings,
    reply,
    request,
    wrapped,
)

THIRD, MAC_THIRD = "192.0.2.13", "02:11:00:00:00:0c"


def by_the_third(ttl: int = 62) -> list[Timed]:
    """Node A sends to the third node, which wraps again for node B."""
    frames = []
    for n in range(1, 4):
        first = ethernet(wrapped(request(n), NODE_A, THIRD), source=MAC_NODE_A, destination=MAC_THIRD)
        second = ethernet(
            wrapped(request(n, ttl=ttl), THIRD, NODE_B, ttl=ttl), source=MAC_THIRD, destination=MAC_NODE_B
        )
        back = ethernet(wrapped(reply(n), NODE_B, THIRD), source=MAC_NODE_B, destination=MAC_THIRD)
        frames += [at(5 + n, first), at(5.001 + n, second), at(5.002 + n, back)]
    return frames


def test_straight_traffic_passes(examine: Examination) -> None:
    assert examine([*bgp(), *pings()]).status is Status.PASS


def test_same_ttl_is_a_copy_not_a_detour(examine: Examination) -> None:
    assert not examine([*bgp(), *by_the_third(ttl=63)], nodes=(f"gamma={THIRD}/24",)).findings


def test_third_node_that_sends_on_is_an_error(examine: Examination) -> None:
    finding = examine([*bgp(), *by_the_third()], nodes=(f"gamma={THIRD}/24",)).finding
    assert (finding.severity, finding.confidence) == (Severity.ERROR, Confidence.CONFIRMED)
    assert f"by node gamma ({THIRD})" in finding.title


def test_each_form_is_shown_and_not_each_with_each(examine: Examination, monkeypatch: pytest.MonkeyPatch) -> None:
    """One packet comes from six nodes and goes to six, as nothing but noise does."""
    made: list[Relay] = []

    def counted(relay: Relay, *arguments: Any, **fields: Any) -> Finding:
        made.append(relay)
        return relay_finding(relay, *arguments, **fields)

    monkeypatch.setattr(ipd3007_detour, "relay_finding", counted)
    frames = []
    for n in range(6):
        comes = wrapped(request(), f"192.0.2.{20 + n}", THIRD)
        goes = wrapped(request(ttl=62), THIRD, f"192.0.2.{40 + n}", ttl=62)
        frames.append(at(5 + n, ethernet(comes, source=MAC_NODE_A, destination=MAC_THIRD)))
        frames.append(at(5.5 + n, ethernet(goes, source=MAC_THIRD, destination=MAC_NODE_B)))
    (evidence,) = examine(frames, nodes=(f"gamma={THIRD}/24",)).finding.evidence
    assert evidence.frames == tuple(range(1, 13))
    assert len(made) == 11


def test_no_tunnel_packet_is_not_judged(examine: Examination) -> None:
    assert examine([*bgp(), at(5, from_a(request()))]).reason is Reason.TOO_FEW_PACKETS
