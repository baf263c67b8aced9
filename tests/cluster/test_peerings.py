"""Who should peer with whom, by BGPConfiguration, BGPPeer and Node objects."""

from __future__ import annotations

from ipipdiag.cluster.configuration import BgpPeerObject, BgpSettings, Configuration, NodeObject
from ipipdiag.cluster.peerings import Peerings, expected_peerings

A, B, C, ROUTER = 11, 12, 13, 1
NAMES = {A: "alpha", B: "beta", C: "gamma"}


def node(address: int, reflector: str | None = None, labels: tuple[tuple[str, str], ...] | None = ()) -> NodeObject:
    name = NAMES[address]
    return NodeObject("config: node", name, address, 24, None, route_reflector_cluster=reflector, labels=labels)


def peer(**fields: object) -> BgpPeerObject:
    known: dict[str, object] = {"source": "config: peer", "name": "p", "peer": None, "as_number": None, "node": None}
    return BgpPeerObject(**(known | fields))  # type: ignore[arg-type]


def peerings(nodes: tuple[NodeObject, ...], *peers: BgpPeerObject, mesh: bool) -> Peerings:
    settings = BgpSettings("config: bgp", "default", None, mesh)
    found = expected_peerings(Configuration(nodes=nodes, bgp=(settings,), peers=peers))
    assert found is not None
    return found


def pairs(found: Peerings) -> set[tuple[str, int]]:
    return {(peering.node, peering.peer) for peering in found.told}


def test_unknown_without_a_bgp_configuration() -> None:
    assert expected_peerings(Configuration(nodes=(node(A),))) is None
    assert expected_peerings(Configuration(bgp=(BgpSettings("s", "default", None, True),))) is None


def test_mesh_is_between_all_nodes_but_reflectors() -> None:
    found = peerings((node(A), node(B), node(C, reflector="244.0.0.1")), mesh=True)
    assert pairs(found) == {("alpha", B), ("beta", A)}


def test_peer_of_one_node_and_of_all() -> None:
    nodes = (node(A), node(B))
    assert pairs(peerings(nodes, peer(node="alpha", peer=ROUTER), mesh=False)) == {("alpha", ROUTER)}
    assert pairs(peerings(nodes, peer(peer=ROUTER), mesh=False)) == {("alpha", ROUTER), ("beta", ROUTER)}


def test_selected_peers_peer_back() -> None:
    reflector = node(C, reflector="244.0.0.1", labels=(("rr", "true"),))
    by_selector = peer(node_selector="all()", peer_selector="rr == 'true'")
    found = peerings((node(A), node(B), reflector), by_selector, mesh=False)
    assert pairs(found) == {("alpha", C), ("gamma", A), ("beta", C), ("gamma", B)}


def test_nodes_that_a_selector_leaves_out_have_no_peer() -> None:
    nodes = (node(A, labels=(("rack", "1"),)), node(B))
    found = peerings(nodes, peer(node_selector="has(rack)", peer=ROUTER), mesh=False)
    assert pairs(found) == {("alpha", ROUTER)}
    assert not found.unsure


def test_what_is_not_understood_is_unsure() -> None:
    assert peerings((node(A),), peer(node_selector="rack ~ 1", peer=ROUTER), mesh=False).unsure == {"alpha"}
    unlabelled = (node(A, labels=None), node(B))
    assert peerings(unlabelled, peer(node_selector="has(rack)", peer=ROUTER), mesh=False).unsure == {"alpha"}
    assert peerings(unlabelled, peer(peer_selector="has(rr)"), mesh=False).unsure == {"alpha"}
