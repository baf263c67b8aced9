"""Which names a report of one run may hold: those of files, interfaces, and all that cluster files name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ipipdiag.capture import CaptureSummary
from ipipdiag.cluster.configuration import Configuration
from ipipdiag.cluster.model import Cluster
from ipipdiag.redaction.names import Kind, Secret


def secrets_of(
    files: Iterable[CaptureSummary],
    configuration: Configuration,
    cluster: Cluster,
    named_on_command_line: Iterable[str],
) -> frozenset[Secret]:
    """All names of a run, each with its kind."""
    return frozenset(
        secret
        for secret in (
            *_of_captures(files),
            *_of_objects(configuration),
            *_of_nodes(configuration, cluster),
            *(Secret(Kind.FILE, name) for name in named_on_command_line),
        )
        if secret.name
    )


def _of_captures(files: Iterable[CaptureSummary]) -> Iterator[Secret]:
    for file in files:
        yield Secret(Kind.FILE, file.name)
        for interface in file.interfaces:
            for text in (interface.name, interface.description, interface.hardware):
                yield Secret(Kind.INTERFACE, text or "")


def _of_objects(configuration: Configuration) -> Iterator[Secret]:
    kinds = (
        (Kind.POD, configuration.pods),
        (Kind.NODE, configuration.nodes),
        (Kind.SERVICE, configuration.services),
        (Kind.OBJECT, configuration.pools),
        (Kind.OBJECT, configuration.bgp),
        (Kind.OBJECT, configuration.peers),
        (Kind.OBJECT, configuration.felix),
    )
    for kind, objects in kinds:
        for entry in objects:
            yield Secret(kind, entry.name)
    for pod in configuration.pods:
        yield Secret(Kind.NODE, pod.node or "")
        yield Secret(Kind.INTERFACE, pod.interface or "")
    for allocation in configuration.allocations:
        yield Secret(Kind.POD, allocation.pod or "")
        yield Secret(Kind.NODE, allocation.node or "")
    for endpoints in configuration.endpoints:
        yield Secret(Kind.SERVICE, endpoints.service)
    for block in configuration.blocks:
        yield Secret(Kind.NODE, block.node)
    for source in _sources(configuration):
        path = source.removeprefix("config: ").split(" ")[0]
        yield Secret(Kind.FILE, path.rsplit(":", 1)[0] if path.rsplit(":", 1)[-1].isdigit() else path)


def _sources(configuration: Configuration) -> Iterator[str]:
    for name in Configuration.__dataclass_fields__:
        for entry in getattr(configuration, name):
            if hasattr(entry, "source"):
                yield entry.source


def _of_nodes(configuration: Configuration, cluster: Cluster) -> Iterator[Secret]:
    for node in cluster.nodes.values():
        yield Secret(Kind.NODE, node.name or "")
    for state in configuration.node_states:
        yield Secret(Kind.NODE, state.name or "")
        devices = [link.device for link in state.links] + [address.device for address in state.addresses]
        yield from (Secret(Kind.INTERFACE, device) for device in devices)
