"""What the checks of services share: what a pod receives, which ports of a service answer, and what is not known."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ipipdiag.checks.model import Missing, Reason
from ipipdiag.protocols import SCTP, TCP, UDP

if TYPE_CHECKING:
    from ipipdiag.facts.flows import Flows
    from ipipdiag.points.model import Point

PROTOCOLS = {TCP: "TCP", UDP: "UDP", SCTP: "SCTP"}
NODE_TTLS = (64, 255)


def receives_packets(point: Point, flows: Flows) -> bool:
    """Whether a pod's link shows an IPv4 packet that the pod receives."""
    return any(pod in point.pods for pod in flows.destination.tolist())


def what_answers(flows: Flows, client: int, service: int) -> list[str]:
    """The ports at which an address answers a client: TCP/443, UDP/53."""
    answered = (flows.source == client) & (flows.destination == service) & (flows.answers > 0)
    return sorted(
        {
            port_text(protocol, port)
            for protocol, port in flows.select(answered).rows("protocol", "destination_port")
            if protocol in PROTOCOLS
        }
    )


def port_text(protocol: int, port: int) -> str:
    """TCP/443."""
    return f"{PROTOCOLS.get(protocol, protocol)}/{port}"


def services_unknown(what: str) -> Missing:
    """Why nothing can be said of services: none is told, and no packet shows one to be translated."""
    return Missing(
        Reason.NO_CONFIG,
        f"{what}; which addresses are services' is not known",
        "kubectl get services,endpointslices -A -o yaml > services.yaml  # then: --cluster services.yaml",
    )
