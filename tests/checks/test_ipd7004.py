"""IPD7004 ServiceAddressOnWire."""

from __future__ import annotations

import pytest

from ipipdiag.checks.model import Confidence, Reason, Severity, Status
from tests.builders.packets import ethernet, icmp_echo, ipv4, tcp
from tests.checks.service_world import (
    FILES,
    SERVICE,
    ask,
    asked_through_tunnel,
    link,
    told,
    told_through_tunnel,
    tunnel,
)
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
)

CLIENT = "198.51.100.9"


def bare(time: float, source: str, destination: str = SERVICE, port: int = 80, ttl: int = 63) -> Timed:
    """A SYN to the default gateway."""
    segment = ipv4(tcp(flags="S", destination_port=port), source, destination, ttl=ttl, id=int(time * 100))
    return at(time, ethernet(segment, source=MAC_NODE_A, destination=MAC_ROUTER))


def pinged(source: str) -> list[Timed]:
    return [
        at(n, ethernet(ipv4(icmp_echo(sequence=n), source, SERVICE, ttl=63, id=n), MAC_NODE_A, MAC_ROUTER))
        for n in range(1, 5)
    ]


def test_translated_requests_pass(examine: Examination) -> None:
    nic = tunnel(asked_through_tunnel(1), told_through_tunnel(1.001))
    assert examine([*bgp(), *nic], files=FILES).status is Status.PASS


@pytest.mark.parametrize("source", [POD_A, NODE_A])
def test_ping_to_a_service_is_not_translated_by_design(source: str, examine: Examination) -> None:
    assert not examine([*bgp(), *tunnel(), *pinged(source)], files=FILES).findings


def test_port_that_the_service_does_not_have_is_left_alone(examine: Examination) -> None:
    assert not examine([*bgp(), *tunnel(), bare(2, POD_A, port=8080)], files=FILES).findings


def test_client_outside_may_ask_a_service_that_is_announced(examine: Examination) -> None:
    assert not examine([*bgp(), *tunnel(), bare(2, CLIENT)], files=FILES).findings


def test_address_of_a_load_balancer_may_lie_outside(examine: Examination) -> None:
    announced = (
        "---\napiVersion: projectcalico.org/v3\nkind: BGPConfiguration\nmetadata: {name: default}\n"
        "spec: {serviceClusterIPs: [{cidr: 10.98.0.0/16}], serviceLoadBalancerIPs: [{cidr: 10.99.0.0/16}]}\n"
    )
    assert not examine([*bgp(), *tunnel(), bare(2, POD_A)], files={"cluster/bgp.yaml": announced}).findings


def test_service_address_on_the_pods_own_link_is_right(examine: Examination) -> None:
    assert not examine(link(ask(1), told(1.001)), files=FILES).findings


def test_request_that_leaves_untranslated_is_an_error(examine: Examination) -> None:
    finding = examine([*bgp(), *tunnel(), bare(2, POD_A), bare(3, POD_A)], files=FILES).finding
    assert (finding.severity, finding.confidence) == (Severity.ERROR, Confidence.CONFIRMED)
    assert finding.title == (
        f"packets from {POD_A} to service default/dns ({SERVICE}) (TCP/80) leave node {NODE_A} untranslated"
    )
    assert "none answered" in finding.observed


def test_masqueraded_request_is_the_same_fault(examine: Examination) -> None:
    finding = examine([*bgp(), *tunnel(), bare(2, NODE_A)], files=FILES).finding
    assert finding.subject.nodes == (NODE_A,)


def test_address_of_the_range_alone_makes_it_likely(examine: Examination) -> None:
    announced = (
        "---\napiVersion: projectcalico.org/v3\nkind: BGPConfiguration\nmetadata: {name: default}\n"
        "spec: {serviceClusterIPs: [{cidr: 10.99.0.0/16}]}\n"
    )
    finding = examine([*bgp(), *tunnel(), bare(2, POD_A)], files={"cluster/bgp.yaml": announced}).finding
    assert (finding.severity, finding.confidence) == (Severity.ERROR, Confidence.LIKELY)
    assert any("no service has this address" in text for text in finding.alternatives)


def test_without_services_nothing_is_said(examine: Examination) -> None:
    assert examine([*bgp(), *tunnel(), bare(2, POD_A)]).reason is Reason.NO_CONFIG


def test_pod_link_cannot_show_it(examine: Examination) -> None:
    assert examine(gateway_arp(), files=FILES).reason is Reason.WRONG_POINT
