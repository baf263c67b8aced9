"""IPD7002 OutgoingNotTranslated."""

from __future__ import annotations

import pytest

from ipipdiag.checks.model import Component, Confidence, Reason, Severity, Status
from tests.builders.packets import ethernet, icmp_echo, icmp_error, ipv4, tcp
from tests.checks.files_world import BLOCKS, NODES, pool, thing
from tests.checks.world import (
    MAC_NODE_A,
    MAC_ROUTER,
    NODE_A,
    POD_A,
    Examination,
    Timed,
    at,
    bgp,
    gateway_arp,
    syn,
)

OUTSIDE, PRIVATE = "198.51.100.20", "10.7.7.7"
OTHER_OUTSIDE = "198.51.100.21"


def to_router(packet: bytes) -> bytes:
    return ethernet(packet, source=MAC_NODE_A, destination=MAC_ROUTER)


def from_router(packet: bytes) -> bytes:
    return ethernet(packet, source=MAC_ROUTER, destination=MAC_NODE_A)


def pinged(source: str, destination: str = OUTSIDE, *, answered: bool = False, count: int = 4, first: float = 1,
           id: int = 66) -> list[Timed]:  # fmt: skip
    """Echo requests through the default gateway, with a TTL of one hop where a pod sends them."""
    ttl = 64 if source == NODE_A else 63
    frames = []
    for n in range(count):
        there = ipv4(icmp_echo(id=id, sequence=n), source, destination, ttl=ttl, id=100 + n)
        frames.append(at(first + n, to_router(there)))
        if answered:
            back = ipv4(icmp_echo(request=False, id=id, sequence=n), destination, source, ttl=50, id=200 + n)
            frames.append(at(first + n + 0.01, from_router(back)))
    return frames


def nic(*more: Timed) -> list[Timed]:
    """Node A's NIC: BGP, and the router heard by what it brings to the node itself."""
    return [*bgp(), *pinged(NODE_A, "192.0.2.1", answered=True, count=6, id=1), *more]


def files(nat: str = "true") -> dict[str, str]:
    main = thing("IPPool", "main", f"{{cidr: 172.20.0.0/16, ipipMode: Always, natOutgoing: {nat}}}")
    return {"cluster/objects.yaml": NODES + BLOCKS + main}


def test_translated_requests_are_no_pods(examine: Examination) -> None:
    assert not examine(nic(*pinged(NODE_A)), files=files()).findings


def test_pods_that_are_answered_have_a_route_back(examine: Examination) -> None:
    frames = nic(*pinged(POD_A, answered=True), *pinged(POD_A, OTHER_OUTSIDE, first=2, id=67))
    assert examine(frames, files=files("false")).status is Status.PASS


def test_replies_to_clients_outside_are_not_judged(examine: Examination) -> None:
    replies = [
        at(
            1 + n,
            to_router(ipv4(tcp(flags="SA", source_port=80, destination_port=50000 + n), POD_A, OUTSIDE, ttl=63, id=n)),
        )
        for n in range(5)
    ]
    assert not examine(nic(*replies), files=files()).findings


def test_other_pods_of_the_pool_are_not_outside(examine: Examination) -> None:
    leaked = [at(1 + n, to_router(syn(POD_A, "172.20.40.7", port=41000 + n))) for n in range(4)]
    assert not examine(nic(*leaked), files=files()).findings


def test_two_requests_or_late_ones_are_too_few(examine: Examination) -> None:
    assert examine(nic(*pinged(POD_A, count=2)), files=files()).reason is Reason.TOO_FEW_PACKETS
    assert examine(nic(*pinged(POD_A, first=18.5, count=2)), files=files()).reason is Reason.TOO_FEW_PACKETS


def test_refused_request_has_a_way_back(examine: Examination) -> None:
    lost = pinged(POD_A)
    refusals = [
        at(1.02 + n, from_router(ipv4(icmp_error(3, 1, frame[14:]), "192.0.2.1", POD_A, ttl=60, id=n)))
        for n, (_, frame) in enumerate(lost)
    ]
    assert not examine(nic(*lost, *refusals), files=files()).findings


def test_one_silent_host_without_contrast_is_a_weak_sign(examine: Examination) -> None:
    """Nothing tells whether the pool is to be translated, and one host may be down."""
    finding = examine(nic(*pinged(POD_A))).finding
    assert (finding.severity, finding.confidence) == (Severity.WARNING, Confidence.POSSIBLE)


@pytest.mark.parametrize(("nat", "component"), [("true", Component.FELIX), ("false", Component.CONFIGURATION)])
def test_pool_names_the_cause(nat: str, component: Component, examine: Examination) -> None:
    finding = examine(nic(*pinged(POD_A)), files=files(nat)).finding
    assert (finding.severity, finding.confidence) == (Severity.ERROR, Confidence.LIKELY)
    assert f"has natOutgoing {nat}" in finding.expected
    assert finding.component is component
    assert f"{POD_A} asks {OUTSIDE}" in finding.title


def test_host_that_answers_the_node_makes_it_likely(examine: Examination) -> None:
    finding = examine(nic(*pinged(POD_A), *pinged(NODE_A, answered=True, first=8, id=70))).finding
    assert finding.severity is Severity.ERROR
    assert finding.worked == (f"{OUTSIDE} answers the node itself",)


def test_several_silent_hosts_make_it_likely(examine: Examination) -> None:
    finding = examine(nic(*pinged(POD_A, count=2), *pinged(POD_A, OTHER_OUTSIDE, id=67))).finding
    assert finding.severity is Severity.ERROR
    assert finding.count == 6


def test_private_address_may_be_a_pods_where_no_pool_is_told(examine: Examination) -> None:
    answer = examine(nic(*pinged(POD_A, PRIVATE)))
    assert (answer.status, answer.reason) == (Status.NOT_CHECKED, Reason.NO_CONFIG)
    assert examine(nic(*pinged(POD_A, PRIVATE)), files={"p.yaml": pool()}).findings


def test_capture_of_one_direction_says_nothing(examine: Examination) -> None:
    sent = [frame for frame in bgp() if frame[1][6:12] == bytes.fromhex(MAC_NODE_A.replace(":", ""))]
    assert examine([*sent, *pinged(POD_A)], files=files()).reason is Reason.ONE_DIRECTION


def test_pod_link_cannot_show_it(examine: Examination) -> None:
    assert examine(gateway_arp(), files=files()).reason is Reason.WRONG_POINT
