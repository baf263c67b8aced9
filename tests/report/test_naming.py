"""Names of pods, nodes and services in the sentences of a report."""

from __future__ import annotations

import pytest

from ipipdiag.addresses import parse_address
from ipipdiag.cluster.model import Cluster, Node, NodeEvidence, Service
from ipipdiag.report.naming import name_addresses

POD, NODE = parse_address("172.20.1.5"), parse_address("192.0.2.11")
SERVICE = parse_address("10.99.0.10")
CLUSTER = Cluster(
    nodes={NODE: Node(NODE, "alpha", 24, NodeEvidence.TOLD, "user")},
    pod_names={POD: "shop/till"},
    services={SERVICE: Service("shop/orders", frozenset({(6, 80)}), (POD,), "user")},
)


@pytest.mark.parametrize(
    "text",
    [
        "nothing to name here",
        "an unknown 172.20.1.6",
        "block 172.20.1.5/32 stays",
        "alpha (192.0.2.11) has its name",
        "pod shop/till has 172.20.1.5",
        "version 1.172.20.1.5 is none",
        "999.1.1.1",
    ],
)
def test_sentence_stays_as_it_is(text: str) -> None:
    assert name_addresses(text, CLUSTER) == text


def test_first_mention_bears_the_name() -> None:
    assert (
        name_addresses("172.20.1.5 asks, 172.20.1.5 waits.", CLUSTER)
        == "shop/till (172.20.1.5) asks, 172.20.1.5 waits."
    )
    assert name_addresses("from 192.0.2.11.", CLUSTER) == "from alpha (192.0.2.11)."


@pytest.mark.parametrize("text", ["asks service 10.99.0.10", "asks 10.99.0.10"])
def test_service_is_called_one_once(text: str) -> None:
    assert name_addresses(text, CLUSTER) == "asks service shop/orders (10.99.0.10)"
