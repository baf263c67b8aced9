"""From the paths of ``--cluster`` to the configuration: every usable file, and a line for each that is not."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Any, TypeVar

from ipipdiag.capture import CaptureError
from ipipdiag.cluster.configuration import (
    Allocation,
    BgpPeerObject,
    BgpSettings,
    BlockObject,
    ClusterObject,
    Configuration,
    EndpointsObject,
    FelixSettings,
    KubeProxySettings,
    NodeObject,
    PodObject,
    PoolObject,
    ServiceObject,
    ServiceRange,
)
from ipipdiag.cluster.files.documents import DocumentError, looks_like_objects, read_documents
from ipipdiag.cluster.files.fields import Fields
from ipipdiag.cluster.files.members import Complaints, Member, read_members
from ipipdiag.cluster.files.node_texts import LINES_LIMIT, read_node_text
from ipipdiag.cluster.files.objects import read_object
from ipipdiag.cluster.node_state import (
    Counter,
    InterfaceAddress,
    IpSet,
    KernelRoute,
    Link,
    Neighbour,
    NodeFact,
    NodeState,
    PeerStatus,
    Rule,
    Variable,
)

ObjectT = TypeVar("ObjectT")
BINARY_SHARE = 10  # a text of which more than a tenth is no UTF-8 is none

_COLLECTIONS: dict[type, str] = {
    KernelRoute: "routes",
    InterfaceAddress: "addresses",
    Link: "links",
    Neighbour: "neighbours",
    IpSet: "ip_sets",
    Rule: "rules",
    Counter: "counters",
    PeerStatus: "peers",
    Variable: "variables",
}


def load_configuration(paths: Iterable[str], complaints: Complaints) -> Configuration:
    """All that the files say; a path that cannot be read leaves the others in use.

    ``complaints`` gets a line for each file, member or object that is not used, with its name.
    """
    objects: list[ClusterObject] = []
    texts: list[tuple[str, NodeFact]] = []
    for path in paths:
        complaints.about(path)
        before = len(objects) + len(texts)
        try:
            for member in read_members(path, complaints):
                _read_member(member, objects, texts, complaints)
            if len(objects) + len(texts) == before:
                complaints.add(path, "holds nothing that says anything of the cluster")
        except CaptureError as error:
            complaints.add(error.name, str(error).removeprefix(f"{error.name}: "), fatal=True)
    complaints.close()
    return _configuration(objects, texts)


def _read_member(
    member: Member, objects: list[ClusterObject], texts: list[tuple[str, NodeFact]], complaints: Complaints
) -> None:
    text = member.data.decode("utf-8", errors="replace")
    if "\0" in text or text.count("\ufffd") * BINARY_SHARE > len(text):
        complaints.add(member.name, "binary; not read")
        return
    if not looks_like_objects(text):
        if text.count("\n") > LINES_LIMIT:
            complaints.add(member.name, f"more than {LINES_LIMIT} lines; the rest is not read")
        texts.extend(read_node_text(text, member.inside, _node_of(member)))
        return
    try:
        for document in read_documents(text):
            objects.extend(read_object(Fields(member.name, member.inside, document, complaints.add)))
    except DocumentError as error:
        complaints.add(member.name, str(error))


def _node_of(member: Member) -> str:
    """The node a text is of: the folder below ``nodes/``, as calicoctl lays its archive out; "" where none says."""
    parts = PurePosixPath(member.name).parts
    below = [number for number, part in enumerate(parts[:-2]) if part == "nodes"]
    return parts[below[-1] + 1] if below else ""


def _node_states(texts: list[tuple[str, NodeFact]]) -> tuple[NodeState, ...]:
    by_node: dict[str, dict[str, list[NodeFact]]] = defaultdict(lambda: defaultdict(list))
    for node, fact in texts:
        by_node[node][_COLLECTIONS[type(fact)]].append(fact)
    states = []
    for node, collections in by_node.items():
        columns: dict[str, Any] = {name: tuple(facts) for name, facts in collections.items()}
        states.append(NodeState(node, **columns))
    return tuple(states)


def _configuration(objects: list[ClusterObject], texts: list[tuple[str, NodeFact]]) -> Configuration:
    def of(kind: type[ObjectT]) -> tuple[ObjectT, ...]:
        """Objects of one kind; one that two files hold alike is there once, from the first of them."""
        found: dict[object, ObjectT] = {}
        for entry in objects:
            if isinstance(entry, kind):
                found.setdefault(replace(entry, source=""), entry)
        return tuple(found.values())

    return Configuration(
        pools=of(PoolObject),
        nodes=of(NodeObject),
        blocks=of(BlockObject),
        allocations=of(Allocation),
        pods=of(PodObject),
        services=of(ServiceObject),
        endpoints=of(EndpointsObject),
        service_ranges=of(ServiceRange),
        kube_proxies=of(KubeProxySettings),
        bgp=of(BgpSettings),
        peers=of(BgpPeerObject),
        felix=of(FelixSettings),
        node_states=_node_states(texts),
    )
