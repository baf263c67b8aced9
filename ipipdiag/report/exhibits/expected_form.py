"""What the cluster expects of the outer header of one packet at one point."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ipipdiag.addresses import format_address
from ipipdiag.cluster.model import Cluster
from ipipdiag.cluster.path import expected_path
from ipipdiag.inspection.model import Field, Judgement
from ipipdiag.points.model import Role
from ipipdiag.trace.places import Place


@dataclass(frozen=True, slots=True)
class ExpectedForm:
    """The outer header that a packet should bear at a point: source, destination and TTL, None where none; ``why`` is
    Calico's rule for it. Addresses are text, since a report may be redacted before it is drawn.
    """

    outer: tuple[str, str, int] | None
    why: str

    def judged_outer(self, fields: dict[str, Field]) -> dict[str, Field]:
        """The addresses of an outer header that is there, beside those it should have."""
        if self.outer is None:
            return {}
        judged = {}
        for name, wanted in zip(("source", "destination"), self.outer[:2], strict=True):
            field = fields[name]
            good = field.value == wanted
            note = f"{wanted}: {field.note}" if field.note else wanted
            judged[name] = replace(field, note=note, judgement=Judgement.AS_EXPECTED if good else Judgement.DEVIATES)
        return judged


def expected_form(
    cluster: Cluster, place: Place | None, source: int, destination: int, time_ns: int
) -> ExpectedForm | None:
    """What is expected at a node's NIC of packets between two pods whose way is known; None for all others."""
    if place is None or place.role is not Role.NODE or place.node is None:
        return None
    if not (cluster.is_pod(source) and cluster.is_pod(destination)):
        return None
    if _has_moved(cluster, source, time_ns) or _has_moved(cluster, destination, time_ns):
        return None
    path = expected_path(cluster, source, destination)
    if path.wrapped is None:
        return None
    stop = next((stop for stop in path.stops if stop.role == "node" and stop.node == place.node), None)
    if stop is None:
        return None
    if stop.outer is None:
        return ExpectedForm(None, path.why)
    return ExpectedForm((format_address(stop.outer[0]), format_address(stop.outer[1]), stop.outer[2]), path.why)


def _has_moved(cluster: Cluster, address: int, time_ns: int) -> bool:
    """Whether a pod's address was behind another node at some time of the run than at this one."""
    nodes = {route.node for route in cluster.seen_behind.get(address, ())}
    nodes |= {route.node for route in (cluster.owner_of(address), cluster.owner_of(address, time_ns)) if route}
    return len(nodes) > 1
