"""ClearTextLogin: a pod is logged in to by Telnet.

Expected: nobody speaks Telnet (TCP port 23) to a pod; our rules ask for SSH.

How it is observed: a TCP flow to port 23 that is answered, at any point.

What can mislead: another protocol on port 23.

What to do: find out who connects, and close the port.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ipipdiag.addresses import format_address
from ipipdiag.checks.model import (
    Check,
    Component,
    Confidence,
    Evidence,
    Finding,
    Outcome,
    Severity,
    Subject,
    SubjectKind,
)

if TYPE_CHECKING:
    from ipipdiag.facts.flows import Flows
    from ipipdiag.points.model import Point

TELNET = 23
COLUMNS = ("source", "destination", "destination_port", "answers", "packets", "first_ns", "last_ns", "frames")


def examine(flows: dict[Point, Flows]) -> Outcome:
    """A finding for each pair of hosts."""
    findings = []
    examined = 0
    for point, table in flows.items():
        examined += len(table)
        for source, destination, port, answers, packets, first_ns, last_ns, frames in table.rows(*COLUMNS):
            if port != TELNET or not answers:
                continue
            client, server = format_address(source), format_address(destination)
            findings.append(
                Finding(
                    severity=Severity.WARNING,
                    confidence=Confidence.LIKELY,
                    subject=Subject(SubjectKind.FLOW, f"{client} to {server}", addresses=(client, server)),
                    title=f"{client} speaks Telnet to {server}",
                    expected="no Telnet: our rules ask for SSH",
                    observed=f"{packets} packets to TCP port {TELNET}, which is answered",
                    count=packets,
                    first_ns=first_ns,
                    last_ns=last_ns,
                    evidence=(
                        Evidence(point.input, tuple(number for number in frames if number), f"tcp.port == {TELNET}"),
                    ),
                    component=Component.POD,
                )
            )
    return Outcome(examined, tuple(findings))


CHECK = Check(
    code="ACM1001",
    name="ClearTextLogin",
    severity=Severity.WARNING,
    summary="Telnet to a pod",
    points="any",
    examine=examine,
    is_calico_specific=False,
)
