"""PodTrafficTranslated: between pods, the source address becomes that of a node.

Expected
    Between pods of the pools the source stays the pod's address, on every node.

How it is observed
    With captures of the pod's link and of tunl0 or a NIC: the same packets, known by IP
    identification, sequence numbers and lengths, bear the pod's address at one and another
    address at the other.

What can mislead
    Towards a service the destination is translated, rightly; with it the source only where a pod
    reaches itself, or where kube-proxy masquerades everything; replies of a service get its
    address back on the node of the pod that asked, behind tunl0. Towards addresses outside the
    pools the source becomes the node's, rightly (natOutgoing).

What to do
    ``iptables -t nat -S`` on the pod's node: a MASQUERADE rule that does not spare the pools. In
    Calico: is the destination in a pool (even a disabled one)? Of kube-proxy: --cluster-cidr and
    --masquerade-all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ipipdiag.addresses import format_address
from ipipdiag.checks import display_filters
from ipipdiag.checks.hop_losses import nothing_to_compare, subject_of
from ipipdiag.checks.model import Check, Component, Confidence, Evidence, Finding, Outcome, Severity
from ipipdiag.checks.sightings import evidence_of, several
from ipipdiag.points.commands import capture_together
from ipipdiag.points.model import Role
from ipipdiag.trace.places import Station

if TYPE_CHECKING:
    from ipipdiag.cluster.model import Cluster
    from ipipdiag.trace.model import Route, Stop, Trace


def examine(trace: Trace, cluster: Cluster) -> Outcome:
    """A finding for each pair of pods whose source address changes on the way."""
    examined, findings = 0, []
    for route in trace.routes:
        seen = [stop for stop in route.stops if stop.packets]
        if len(seen) < 2 or not (cluster.is_pod(route.source) and cluster.is_pod(route.destination)):
            continue
        examined += 1
        translated = [
            stop
            for stop in seen
            if stop.station <= Station.DESTINATION_TUNNEL and any(form.source != route.source for form in stop.forms)
        ]
        if translated and translated[0] is not seen[0] and not _asked_a_service(route):
            findings.append(_finding(route, seen[0], translated[0], cluster))
    if examined:
        return Outcome(examined, tuple(findings))
    command = capture_together(Role.CALI, Role.NODE)
    return Outcome(missing=nothing_to_compare(trace, "a translated source address", command))


def _asked_a_service(route: Route) -> bool:
    """Whether the destination is translated as well: then kube-proxy's rules apply, not the pools'."""
    return any(destination != route.destination for _, destination in route.translations)


def _finding(route: Route, before: Stop, after: Stop, cluster: Cluster) -> Finding:
    source, destination = format_address(route.source), format_address(route.destination)
    becomes = sorted({form.source for form in after.forms if form.source != route.source})
    new = becomes[0]
    node = cluster.node_text(route.source_node) if route.source_node is not None else None
    here = f"node {node}" if node else f"the node of pod {source}"
    is_tunnel = new in cluster.tunnel_addresses
    meant = "the address of its tunl0" if is_tunnel else "the node's address" if new in cluster.nodes else "another one"
    return Finding(
        severity=Severity.ERROR,
        confidence=Confidence.CONFIRMED,
        subject=subject_of(route, cluster),
        title=f"{here} translates the source of packets from pod {source} to pod {destination}: they arrive from "
        f"{format_address(new)}",
        expected=f"between pods the source stays {source}",
        observed=f"the same packets have source {source} at {before.place.label} and {format_address(new)} ({meant}) "
        f"at {after.place.label}; {several(after.packets, 'packet')} of {before.packets} seen at both",
        count=after.packets,
        first_ns=_first(after, new),
        last_ns=_last(after, new),
        evidence=_evidence(route, before, after, new),
        component=Component.FELIX if is_tunnel else Component.NODE_KERNEL,
        confirm=(
            f"iptables-save -t nat | grep -i masq  # on {here}",
            "calicoctl get ippool -o wide  # is the destination in a pool, natOutgoing?",
        ),
        fix=("keep masquerading rules from matching traffic between the pools",),
        alternatives=("kube-proxy masquerades everything (--masquerade-all, or a wrong --cluster-cidr)",),
        points=(before.place.lead.id, after.place.lead.id),
    )


def _evidence(route: Route, before: Stop, after: Stop, new: int) -> tuple[Evidence, ...]:
    found = []
    for stop, source in ((before, route.source), (after, new)):
        point = stop.place.lead
        flows = point.facts.flows
        rows = flows.select((flows.source == source) & (flows.destination == route.destination))
        text = display_filters.conversation(source, route.destination)
        found.append(evidence_of(point, rows.frames, text))
    return tuple(found)


def _first(stop: Stop, source: int) -> int | None:
    flows = stop.place.lead.facts.flows
    times = flows.first_ns[flows.source == source]
    return int(times.min()) if len(times) else None


def _last(stop: Stop, source: int) -> int | None:
    flows = stop.place.lead.facts.flows
    times = flows.last_ns[flows.source == source]
    return int(times.max()) if len(times) else None


CHECK = Check(
    code="IPD7001",
    name="PodTrafficTranslated",
    severity=Severity.ERROR,
    summary="between pods, the source address becomes that of a node",
    points="pod eth0 or cali, with tunl0 or node NIC",
    examine=examine,
)
