"""What was taken as known of the cluster: so many facts of a kind, the others counted."""

from __future__ import annotations

from ipaddress import IPv4Network

import pytest

from ipipdiag.cluster.model import Cluster, Route
from ipipdiag.report import cluster_facts
from ipipdiag.report.model import ClusterFact

ROUTES = tuple(Route(IPv4Network((f"172.20.{number}.0", 26)), number, 0, 0, "config:blocks") for number in range(5))


def told(cluster: Cluster) -> list[ClusterFact]:
    return [fact for fact in cluster_facts.cluster_facts(cluster) if fact.source != "default"]


def test_a_list_that_fits_is_told_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster_facts, "MOST_FACTS", 5)
    assert {fact.source for fact in told(Cluster(blocks=ROUTES))} == {"config:blocks"}


def test_what_is_left_out_is_counted_by_its_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster_facts, "MOST_FACTS", 4)
    pods = {172 << 24 | number: "it answers" for number in range(6)}
    facts = told(Cluster(blocks=ROUTES, pods=pods))
    assert len(facts) == 4 + 1 + 4 + 1
    assert [fact.fact for fact in facts if fact.source == "limit_reached"] == ["1 more block", "2 more pods"]


def test_pods_that_are_told_with_their_node_take_no_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster_facts, "MOST_FACTS", 2)
    cluster = Cluster(pods={1: "it answers", 2: "it answers", 3: "it answers"}, placed={1: ROUTES[1], 2: ROUTES[2]})
    assert [fact.fact.split(" on ")[0] for fact in told(cluster)] == [
        "pod 0.0.0.3",
        "pod 0.0.0.1 (0.0.0.1)",
        "pod 0.0.0.2 (0.0.0.2)",
    ]
