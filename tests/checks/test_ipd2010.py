"""IPD2010 EncapsulationOnPodInterface."""

from __future__ import annotations

from ipipdiag.checks.model import Reason, Severity, Status
from ipipdiag.points.model import Role
from tests.builders.captures import RAW
from tests.checks.world import POD_A, Examination, at, bgp, from_pod, gateway_arp, pings, request, wrapped


def test_inner_packets_alone_pass(examine: Examination) -> None:
    assert examine([*gateway_arp(), at(1, from_pod(request(ttl=64)))]).status is Status.PASS
    assert examine([at(1, request())], link_type=RAW, role=Role.TUNL0).status is Status.PASS


def test_pod_with_a_tunnel_of_its_own_is_a_warning(examine: Examination) -> None:
    own = at(1, from_pod(wrapped(request(), POD_A, "203.0.113.9", ttl=64)))
    finding = examine([*gateway_arp(), own]).finding
    assert finding.severity is Severity.WARNING
    assert "the pod itself" in finding.title


def test_outer_headers_on_tunl0_are_a_warning(examine: Examination) -> None:
    assert examine([at(1, wrapped(request()))], link_type=RAW, role=Role.TUNL0).findings


def test_node_link_is_another_matter(examine: Examination) -> None:
    assert examine([*bgp(), *pings()]).reason is Reason.WRONG_POINT
