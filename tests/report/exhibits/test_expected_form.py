"""What is expected of an outer header: only where the way of a packet is known, and was the same all the time."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Network
from types import SimpleNamespace

from ipipdiag.cluster.model import Cluster, Mode, Node, NodeEvidence, Pool, Route
from ipipdiag.points.model import Role
from ipipdiag.report.exhibits.expected_form import expected_form
from tests.builders.packets import ip_number

NODE_A, NODE_B, NODE_C = (ip_number(f"192.0.2.{number}") for number in (1, 2, 3))
POD_A, POD_B = ip_number("172.20.0.1"), ip_number("172.20.4.1")
NIC = SimpleNamespace(role=Role.NODE, node=NODE_A)
EARLY, LATE = 1_000, 2_000


def behind(node: int, pod: int, time_ns: int = EARLY) -> Route:
    return Route(IPv4Network((pod, 32)), node, time_ns, time_ns, "inferred: its first hop")


def cluster() -> Cluster:
    nodes = {node: Node(node, None, 24, NodeEvidence.TOLD, "user") for node in (NODE_A, NODE_B, NODE_C)}
    return Cluster(
        nodes=nodes,
        pools=(Pool(IPv4Network("172.20.0.0/16"), Mode.ALWAYS, "user"),),
        seen_behind={POD_A: (behind(NODE_A, POD_A),), POD_B: (behind(NODE_B, POD_B),)},
    )


def test_nothing_is_expected_of_a_pod_that_moves() -> None:
    """It was behind another node before: the packets sent then were right."""
    moving = replace(
        cluster(),
        seen_behind={POD_A: (behind(NODE_A, POD_A),), POD_B: (behind(NODE_B, POD_B), behind(NODE_C, POD_B, LATE))},
    )
    assert expected_form(moving, NIC, POD_A, POD_B, EARLY) is None
    assert expected_form(moving, NIC, POD_A, POD_B, LATE) is None


def test_nothing_is_expected_elsewhere_than_at_a_nodes_nic() -> None:
    for place in (None, SimpleNamespace(role=Role.TUNL0, node=NODE_A), SimpleNamespace(role=Role.NODE, node=None)):
        assert expected_form(cluster(), place, POD_A, POD_B, EARLY) is None


def test_nothing_is_expected_of_what_is_no_pod_or_where_the_mode_is_not_known() -> None:
    assert expected_form(cluster(), NIC, POD_A, ip_number("198.51.100.1"), EARLY) is None
    unknown = replace(cluster(), pools=(Pool(IPv4Network("172.20.0.0/16"), None, "user"),))
    assert expected_form(unknown, NIC, POD_A, POD_B, EARLY) is None


def test_the_nodes_of_both_pods_are_expected() -> None:
    expected = expected_form(cluster(), NIC, POD_A, POD_B, EARLY)
    assert expected is not None
    assert expected.outer is not None
    assert expected.outer[:2] == ("192.0.2.1", "192.0.2.2")
    assert "Always" in expected.why
