"""IPD3006 NextHopOffLink."""

from __future__ import annotations

import pytest

from ipipdiag.checks.model import Confidence, Reason, Severity, Status
from tests.builders.packets import arp, bgp_update, ethernet
from tests.checks.bgp_world import Talk, keepalives_with
from tests.checks.world import (
    MAC_NODE_A,
    MAC_ROUTER,
    NODE_A,
    NODE_B,
    ROUTER,
    Examination,
    Timed,
    at,
    bgp,
    from_a,
    from_pod,
    gateway_arp,
    reply,
    request,
)


def to_router(packet: bytes) -> bytes:
    return ethernet(packet, source=MAC_NODE_A, destination=MAC_ROUTER)


FAR_NODE, FAR_POD, FAR_BLOCK = "198.51.100.30", "172.20.77.5", "172.20.77.0/28"


def gateway_is_resolved() -> list[Timed]:
    """The router answers ARP for its own address."""
    answer = ethernet(arp(2, MAC_ROUTER, ROUTER, MAC_NODE_A, NODE_A), source=MAC_ROUTER, destination=MAC_NODE_A)
    return [at(0.5, answer)]


def announced() -> list[Timed]:
    """Node A and, behind the router, the far node announce their blocks."""
    talk = Talk().establish(0.1).keep(3, 20)
    far = talk.say(2, NODE_B, bgp_update([FAR_BLOCK], FAR_NODE))
    return [*far.frames, *keepalives_with(FAR_NODE, 120), *gateway_is_resolved()]


def bare(count: int = 4, *, answered: bool = False) -> list[Timed]:
    frames = []
    for n in range(1, count + 1):
        frames.append(at(5 + n, to_router(request(n, destination=FAR_POD))))
        if answered:
            back = ethernet(reply(n, source=FAR_POD), source=MAC_ROUTER, destination=MAC_NODE_A)
            frames.append(at(5.01 + n, back))
    return frames


TOLD = (f"alpha={NODE_A}/24", f"beta={NODE_B}/24", f"far={FAR_NODE}/24")


def test_answered_across_the_router_passes(examine: Examination) -> None:
    assert examine([*announced(), *bare(answered=True)], mode="Never", pods=["172.20.0.0/16"], nodes=TOLD).status is (
        Status.PASS
    )


def test_where_the_mode_wraps_the_route_is_missing_instead(examine: Examination) -> None:
    assert not examine([*announced(), *bare()], mode="Always", pods=["172.20.0.0/16"], nodes=TOLD).findings


def test_silent_pod_on_the_same_link_is_another_matter(examine: Examination) -> None:
    frames = [at(5 + n, from_a(request(n))) for n in range(4)]
    assert not examine([*bgp(), *frames], mode="Never", pods=["172.20.0.0/16"], nodes=TOLD).findings


def test_two_requests_are_too_few(examine: Examination) -> None:
    assert not examine([*announced(), *bare(2)], mode="Never", pods=["172.20.0.0/16"], nodes=TOLD).findings


def test_told_mode_and_subnets_confirm_it(examine: Examination) -> None:
    finding = examine([*announced(), *bare()], mode="Never", pods=["172.20.0.0/16"], nodes=TOLD).finding
    assert (finding.severity, finding.confidence) == (Severity.CRITICAL, Confidence.CONFIRMED)
    assert "far" in finding.title
    assert MAC_ROUTER in finding.observed


def test_pods_of_unknown_mode_behind_a_router_are_likely(examine: Examination) -> None:
    finding = examine([*announced(), *bare()]).finding
    assert (finding.severity, finding.confidence) == (Severity.CRITICAL, Confidence.LIKELY)


def asked_from_a_pod(*destinations: str) -> tuple[list[Timed], list[Timed]]:
    """What node A's NIC and a pod's link show of requests that go bare to the router, as nobody answers."""
    asked = [(5 + n + place / 10, place * 10 + n, to) for place, to in enumerate(destinations) for n in range(4)]
    link = [at(time, from_pod(request(number, destination=to, ttl=64))) for time, number, to in asked]
    nic = [at(time, to_router(request(number, destination=to))) for time, number, to in asked]
    return [*bgp(), *keepalives_with(FAR_NODE, 120), *gateway_is_resolved(), *nic], [*gateway_arp(), *link]


@pytest.mark.parametrize("destination", ["9.9.9.9", "198.51.100.80", "169.254.20.10"])
def test_what_cannot_be_a_pod_is_another_check_s(destination: str, examine: Examination) -> None:
    """Public addresses, among them those of documentation, and link-local ones."""
    assert not examine(*asked_from_a_pod(destination)).findings


def test_unknown_private_destination_is_a_warning_at_most(examine: Examination) -> None:
    finding = examine(*asked_from_a_pod("172.31.5.5")).finding
    assert (finding.severity, finding.confidence) == (Severity.WARNING, Confidence.POSSIBLE)
    assert "natOutgoing" in finding.alternatives[0]


def test_several_private_destinations_are_all_named(examine: Examination) -> None:
    """In the title, and in a filter each."""
    finding = examine(*asked_from_a_pod("172.31.5.5", "172.31.6.6")).finding
    assert "172.31.5.5 and 172.31.6.6" in finding.title
    assert ["172.31.5.5" in one.display_filter for one in finding.evidence] == [True, False]
    assert [len(one.frames) for one in finding.evidence] == [4, 4]


def test_pod_link_cannot_show_it(examine: Examination) -> None:
    assert examine(gateway_arp()).reason is Reason.WRONG_POINT
