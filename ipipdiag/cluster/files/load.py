"""From the paths of ``--cluster`` to the configuration: every usable file, and a line for each that is not."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import TypeVar

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
    NodeObject,
    PodObject,
    PoolObject,
    ServiceObject,
)
from ipipdiag.cluster.files.documents import DocumentError, looks_like_objects, read_documents
from ipipdiag.cluster.files.fields import Fields
from ipipdiag.cluster.files.members import Complaints, Member, read_members
from ipipdiag.cluster.files.objects import read_object

ObjectT = TypeVar("ObjectT")


def load_configuration(paths: Iterable[str], complaints: Complaints) -> Configuration:
    """All that the files say; a path that cannot be read leaves the others in use.

    ``complaints`` gets a line for each file, member or object that is not used, with its name.
    """
    objects: list[ClusterObject] = []
    for path in paths:
        complaints.about(path)
        found: list[ClusterObject] = []
        try:
            for member in read_members(path, complaints):
                found.extend(_read_member(member, complaints))
            if not found:
                complaints.add(path, "holds nothing that says anything of the cluster")
        except CaptureError as error:
            complaints.add(error.name, str(error).removeprefix(f"{error.name}: "), fatal=True)
        objects += found
    complaints.close()
    return _configuration(objects)


def _read_member(member: Member, complaints: Complaints) -> Iterator[ClusterObject]:
    text = member.data.decode("utf-8", errors="replace")
    if "\0" in text:
        complaints.add(member.name, "binary; not read")
        return
    if not looks_like_objects(text):
        return
    try:
        for document in read_documents(text):
            yield from read_object(Fields(member.name, member.inside, document, complaints.add))
    except DocumentError as error:
        complaints.add(member.name, str(error))


def _configuration(objects: list[ClusterObject]) -> Configuration:
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
        bgp=of(BgpSettings),
        peers=of(BgpPeerObject),
        felix=of(FelixSettings),
    )
