"""BgpNotification: one side ended the session with a NOTIFICATION.

Expected
    Sessions end with their node, not with an error message.

How it is observed
    A NOTIFICATION at a node's NIC, its code and subcode in Calico's terms (RFC 4271 section 4.5,
    RFC 4486). An expired hold timer is IPD4004's.

What can mislead
    A collision (6/7) is normal where both sides dial. A restart of calico-node ends sessions with
    6/2, 6/3, 6/4 or 6/6 and brings them back: a warning where it does so within the capture.

What to do
    For 2/2 compare the AS numbers (``calicoctl get bgpconfig,bgppeer,node -o yaml``), for 2/3 look
    for two nodes with one address, for 6/5 for a peer that is not configured.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ipipdiag.checks import display_filters
from ipipdiag.checks.bgp_sessions import CEASE, HOLD_TIMER_EXPIRED, Message, Session, no_bgp, sessions
from ipipdiag.checks.model import Check, Component, Confidence, Evidence, Finding, Outcome, Severity
from ipipdiag.checks.sightings import several
from ipipdiag.kinds import BgpMessage

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ipipdiag.cluster.model import Cluster
    from ipipdiag.facts.bgp import BgpMessages
    from ipipdiag.points.model import Point

COLLISION = (CEASE, 7)
RESTARTS = {(CEASE, 2), (CEASE, 3), (CEASE, 4), (CEASE, 6)}

# code and subcode: what it means between Calico's nodes, and what to look at; subcode None: any
_MEANINGS: dict[tuple[int, int | None], tuple[str, str]] = {
    (1, None): ("the message header is broken", "something between the nodes changes BGP's bytes"),
    (2, 1): ("BGP versions differ", "the peer is no BGP-4 speaker"),
    (2, 2): ("the peer's AS number is not the expected one", "compare asNumber in BGPConfiguration, BGPPeer and Node"),
    (2, 3): ("the peer's BGP identifier is bad or the own one", "two nodes with one router id or address"),
    (2, 4): ("an optional parameter is not supported", "versions of BIRD or of the router"),
    (2, 6): ("the hold time is not accepted", "the hold time configured on the router"),
    (2, 7): ("a required capability is missing", "capabilities configured on the router"),
    (3, None): ("an UPDATE is malformed", "the log of BIRD on both sides"),
    (5, None): ("a message came in the wrong state", "the log of BIRD on both sides"),
    (6, 1): ("the peer sent more prefixes than allowed", "the prefix limit of the router"),
    (6, 2): ("administrative shutdown", "calico-node was stopped there, or the peer was disabled"),
    (6, 3): ("the peer was removed from the configuration", "BGPPeer resources and node selectors"),
    (6, 4): ("administrative reset", "calico-node was restarted or its configuration reloaded there"),
    (6, 5): ("the connection was rejected", "the peer does not know this address: BGPPeer, node address"),
    (6, 6): ("the configuration changed", "confd rewrote BIRD's configuration there"),
    (6, 7): ("connection collision", "both sides dial; one of the two connections is closed"),
    (6, 8): ("out of resources", "memory of the peer"),
}


def examine(
    points: tuple[Point, ...],
    bgp_messages: Mapping[Point, BgpMessages],
    cluster: Cluster,
) -> Outcome:
    """A finding for each session and each kind of NOTIFICATION in it."""
    examined, findings = 0, []
    for session in sessions(bgp_messages):
        examined += bool(session.messages)
        kinds: dict[tuple[int, int, int], list[Message]] = {}
        for entry in session.messages:
            if entry.type == BgpMessage.NOTIFICATION and entry.code != HOLD_TIMER_EXPIRED:
                kinds.setdefault((entry.speaker, entry.code, entry.subcode), []).append(entry)
        findings += [_finding(session, entries, cluster) for entries in kinds.values()]
    return Outcome(examined, tuple(findings), None if examined else no_bgp(points))


def meaning(code: int, subcode: int) -> tuple[str, str]:
    """What a NOTIFICATION says, and what to look at."""
    known = _MEANINGS.get((code, subcode)) or _MEANINGS.get((code, None))
    return known or (f"error {code}/{subcode}", "the log of BIRD on both sides")


def _severity(session: Session, entries: list[Message]) -> Severity:
    kind = (entries[0].code, entries[0].subcode)
    is_back = session.is_established_after(entries[-1].time_ns)
    if kind == COLLISION and (is_back or any(one.is_established for one in session.connections)):
        return Severity.NOTICE
    return Severity.WARNING if kind in RESTARTS and is_back else Severity.ERROR


def _finding(session: Session, entries: list[Message], cluster: Cluster) -> Finding:
    first = entries[0]
    says, look_at = meaning(first.code, first.subcode)
    sender, receiver = cluster.node_text(first.speaker), cluster.node_text(session.other(first.speaker))
    severity = _severity(session, entries)
    back = "; the session is up again later" if severity is not Severity.ERROR else ""
    return Finding(
        severity=severity,
        confidence=Confidence.CONFIRMED,
        subject=session.subject(cluster),
        title=f"node {sender} ends the BGP session with node {receiver}: {says}",
        expected="the session stays up, without a NOTIFICATION",
        observed=f"{several(len(entries), 'NOTIFICATION')} {first.code}/{first.subcode} ({says}) from {sender}"
        + _systems(session, first, cluster)
        + back,
        count=len(entries),
        first_ns=first.time_ns,
        last_ns=entries[-1].time_ns,
        evidence=(
            Evidence(
                session.point.input,
                tuple(entry.number for entry in entries[:8]),
                display_filters.bgp_between(session.low, session.high),
            ),
        ),
        component=Component.CONFIGURATION if first.code == 2 else Component.BIRD,
        confirm=("calicoctl node status", "calicoctl get bgpconfig,bgppeer,node -o yaml"),
        fix=(f"look at: {look_at}",),
        alternatives=(
            "calico-node was restarted or upgraded there at that moment"
            if first.code == CEASE
            else "another speaker than calico-node answers under that address (a router, a cloned node)",
        ),
        points=(session.point.id,),
    )


def _systems(session: Session, notification: Message, cluster: Cluster) -> str:
    """Both AS numbers, where the wrong one is the trouble and the OPENs were captured."""
    opens = {entry.speaker: entry.as_number for entry in session.messages if entry.type == BgpMessage.OPEN}
    if (notification.code, notification.subcode) != (2, 2) or not opens:
        return ""
    return "; " + ", ".join(f"{cluster.node_text(speaker)} says AS {number}" for speaker, number in opens.items())


CHECK = Check(
    code="IPD4003",
    name="BgpNotification",
    severity=Severity.ERROR,
    summary="a BGP session is ended with a NOTIFICATION, in Calico's terms",
    points="node NIC, fabric",
    examine=examine,
)
