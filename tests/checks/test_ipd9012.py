"""IPD9012 NodeWithoutPeer."""

from __future__ import annotations

from ipipdiag.checks.model import Confidence, Reason, Severity, Status
from tests.checks.files_world import BLOCKS, NODES, collected, node, pool, routes, thing
from tests.checks.world import NODE_A, NODE_B, ROUTER, TUNNEL_A, Examination, pings

OBJECTS = NODES + BLOCKS + pool()
STATIC = routes("dev tunl0 proto static")


def mesh(*, on: bool) -> str:
    return thing("BGPConfiguration", "default", f"{{nodeToNodeMeshEnabled: {str(on).lower()}}}")


def labelled(name: str, address: str, labels: str) -> str:
    return node(name, address, TUNNEL_A).replace(f"name: {name}", f"name: {name}, labels: {labels}")


def peer(spec: str) -> str:
    return thing("BGPPeer", "p", spec)


def files(more: str, objects: str = OBJECTS) -> dict[str, str]:
    return collected(objects + more, alpha_routes=STATIC)


def test_mesh_gives_every_node_its_peers(examine: Examination) -> None:
    assert examine(pings(), files=files(mesh(on=True))).status is Status.PASS


def test_global_peer_is_every_nodes(examine: Examination) -> None:
    assert examine(pings(), files=files(mesh(on=False) + peer(f"{{peerIP: {ROUTER}}}"))).status is Status.PASS


def test_nodes_with_routes_of_bird_have_peers_whatever_files_lack(examine: Examination) -> None:
    answer = examine(pings(), files=collected(OBJECTS + mesh(on=False)))
    assert [finding.subject.nodes for finding in answer.findings] == [(NODE_B,)]  # of beta no routes are told


def test_felix_that_owns_the_routes_needs_no_peer(examine: Examination) -> None:
    felix = thing("FelixConfiguration", "default", "{programClusterRoutes: Enabled}")
    assert examine(pings(), files=files(mesh(on=False) + felix)).status is Status.NOT_APPLICABLE


def test_pools_without_a_tunnel_are_not_judged(examine: Examination) -> None:
    objects = NODES + BLOCKS + pool("Never", vxlan="Always")
    assert examine(pings(), files=files(mesh(on=False), objects)).status is Status.NOT_APPLICABLE


def test_selector_on_labels_that_are_not_told_is_not_judged(examine: Examination) -> None:
    told = mesh(on=False) + peer(f"{{nodeSelector: has(rack), peerIP: {ROUTER}}}")
    assert not examine(pings(), files=files(told)).findings


def test_node_that_no_peer_selects_is_an_error(examine: Examination) -> None:
    nodes = labelled("alpha", NODE_A, "{rack: one}") + labelled("beta", NODE_B, "{zone: two}")
    told = mesh(on=False) + peer(f"{{nodeSelector: has(rack), peerIP: {ROUTER}}}")
    finding = examine(pings(), files=files(told, nodes + BLOCKS + pool())).finding
    assert (finding.severity, finding.confidence) == (Severity.ERROR, Confidence.LIKELY)
    assert finding.subject.nodes == (NODE_B,)


def test_mesh_off_and_no_peer_among_the_files_is_a_warning(examine: Examination) -> None:
    answer = examine(pings(), files=files(mesh(on=False)))
    assert {finding.severity for finding in answer.findings} == {Severity.WARNING}
    assert all("not among the files" in " ".join(finding.alternatives) for finding in answer.findings)


def test_without_a_bgp_configuration_it_is_not_judged(examine: Examination) -> None:
    assert examine(pings(), files=files("")).reason is Reason.NO_CONFIG
