"""DnsRetries: DNS queries are not answered, or only once they have been sent again.

Expected
    A DNS query is answered within milliseconds, whatever the answer: also that a name does not
    exist.

How it is observed
    At any single interface, over UDP port 53: a query is sent again with the same transaction id
    and port a second or more after the first (five with the usual resolver) and is not answered,
    or only then; or it has five seconds to be answered in and is not. Queries are told apart by
    client, port, id and a hash of the name. Reported from three such queries, or two such
    questions, on.
    The cause is looked for in this order: one server of several that never answers (seen where the
    service address is translated already: tunl0, a node's NIC, the server's own link); A and AAAA
    from one socket at once, of which one is lost (a race in connection tracking); answers in
    fragments, or too long for UDP while TCP port 53 is not answered; ICMP port unreachable;
    queries that never leave the pod's node.

What can mislead
    Search lists make resolvers ask for names that do not exist (``ndots:5``): answered, no fault.
    Of one lost query nothing is said. Servers outside the cluster are only noticed. The start and
    the end of a capture cut exchanges: an answer without its query, a query in the last seconds.

What to do
    Ask each server itself: ``dig @ENDPOINT kubernetes.default.svc.cluster.local``. One dead server:
    look at its pod. All on other nodes: the tunnel. All: policy (UDP and TCP port 53). Only one of
    A and AAAA: ``conntrack -S`` (insert_failed), node-local DNS, ``single-request-reopen``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ipipdiag.addresses import format_address
from ipipdiag.checks import display_filters
from ipipdiag.checks.absence import DNS, incomplete, unless_judged
from ipipdiag.checks.dns_queries import (
    AAAA,
    ROLES,
    TRANSLATED,
    Group,
    Look,
    Question,
    answered_on_node,
    by_socket,
    failing_rows,
    first_beyond,
    groups_of,
    leaves_at_once,
    looks_at,
    neighbours_answer,
    races,
    refused_by,
    sees_beyond,
    sends_frames,
    unanswered_over_tcp,
)
from ipipdiag.checks.model import (
    Check,
    Component,
    Confidence,
    Evidence,
    Finding,
    Missing,
    Outcome,
    Reason,
    Severity,
    Subject,
    SubjectKind,
)
from ipipdiag.checks.sightings import evidence_of, in_words, several
from ipipdiag.points.commands import capture_command
from ipipdiag.points.model import Role

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ipipdiag.cluster.model import Cluster
    from ipipdiag.facts.dns import DnsExchanges
    from ipipdiag.facts.extent import Extent
    from ipipdiag.facts.flows import Flows
    from ipipdiag.points.model import Point

DIG, NAME = "dig +tries=1", "kubernetes.default.svc.cluster.local"
COMMAND = capture_command(Role.CALI, capture_filter="port 53 or icmp")


def examine(
    points: tuple[Point, ...],
    dns_exchanges: Mapping[Point, DnsExchanges],
    flows: Mapping[Point, Flows],
    extent: Mapping[Point, Extent],
    cluster: Cluster,
) -> Outcome:
    """A finding for each server that does not answer, and for what else makes clients ask again."""
    judged = [point for point in points if point.role in ROLES]
    examined = sum(
        int(((dns_exchanges[point].answers > 0) & (dns_exchanges[point].queries > 0)).sum()) for point in judged
    )
    findings = [
        finding for point in judged for finding in _over_tcp(point, dns_exchanges[point], flows[point], extent[point])
    ]
    missing = None
    if any(failing_rows(dns_exchanges[point], extent[point]).any() for point in judged):
        looks = [look for point in judged for look in looks_at(point, dns_exchanges[point], extent[point])]
        groups = []
        for group in groups_of(looks):
            why_not = _why_not(group, flows[group.point]) if group.failing else None
            missing = missing or why_not
            if why_not is None:
                groups.append(group)
                examined += sum(not look.answers for look in group.failing)
        findings += _findings(groups, looks, flows, cluster)
    if not examined and missing is None:
        missing = Missing(Reason.TOO_FEW_PACKETS, "no DNS query and its answer were captured", COMMAND)
    return Outcome(max(examined, len(findings)), tuple(findings), unless_judged(missing, examined + len(findings)))


def _why_not(group: Group, flows: Flows) -> Missing | None:
    """What keeps the absence of answers from being judged: drops, or a capture of one direction."""
    if lost := incomplete(group.point, DNS):
        return lost
    heard = (flows.answers > 0) | (flows.source == group.server)
    if bool(heard.any()) or any(client in group.clients for client in flows.destination.tolist()):
        return None
    if group.server in group.point.pods and sends_frames(group.point):
        return None
    return Missing(Reason.ONE_DIRECTION, "DNS queries were captured, and nothing that comes back", COMMAND)


def _findings(groups: list[Group], looks: list[Look], flows: Mapping[Point, Flows], cluster: Cluster) -> list[Finding]:
    """Servers that fail by themselves first; then, without their questions, what clients see at their own links."""
    findings: list[Finding] = []
    explained: set[Question] = set()
    for group in groups:
        if _is_server_side(group, cluster) and group.is_enough and not group.answered:
            working = [
                other
                for other in groups
                if other.answered and other.server != group.server and _is_server_side(other, cluster)
            ]
            local = answered_on_node(group, looks)
            findings.append(_silent_server(group, working, local, flows[group.point], cluster))
            explained.update(look.question for look in group.failing)
    sockets = by_socket(looks)
    beyond = first_beyond(looks)
    for whole in groups:
        group = whole.without(explained)
        raced = races(group, sockets)
        if raced and len(raced) == len(group.failing):
            findings.append(_race(group, raced, beyond, flows, cluster))
        elif group.is_enough and not (_is_server_side(group, cluster) and not group.answered):
            findings.append(_unanswered(group, beyond, flows, cluster))
    return findings


def _is_server_side(group: Group, cluster: Cluster) -> bool:
    """Whether the address asked at this point is the server's own: translated already, or at the server's link."""
    if group.point.role in TRANSLATED:
        return cluster.service_source(group.server) is None
    return group.server in group.point.pods


def _is_outside(group: Group, cluster: Cluster) -> bool:
    """Whether a server is known to be none of the cluster's: not a pod, node or service, where that would show."""
    server = group.server
    if cluster.is_pod(server) or cluster.is_node(server) or cluster.service_source(server) is not None:
        return False
    if group.point.role is Role.NODE:
        return not any(look.wrapped for look in group.failing)
    return group.point.is_pod_link and bool(cluster.pools and (cluster.services or cluster.service_networks))


def _silent_server(group: Group, working: list[Group], local: int, flows: Flows, cluster: Cluster) -> Finding:
    server, clients = format_address(group.server), [format_address(client) for client in group.clients]
    at_server = group.server in group.point.pods
    contrast = sorted({format_address(other.server) for other in working})
    outside = _is_outside(group, cluster)
    is_reached = at_server or bool(contrast) or neighbours_answer(group, flows, cluster)
    observed = f"{_asked(group)} of {in_words(clients)} at {group.point.label}, none answered"
    if contrast:
        verb = "answers" if len(contrast) == 1 else "answer"
        observed += f"; {in_words(contrast)} {verb} at {working[0].point.label}"
    if is_reached and not at_server and not contrast:
        observed += "; other pods on its node answer"
    if local:
        observed += f"; {several(local, 'question')} of the same clients were answered by a server on their own node"
    title = f"DNS server {server} answers none of {_asked(group)}"
    if contrast:
        title += f", while {in_words(contrast)} {'answers' if len(contrast) == 1 else 'answer'}"
    elif local:
        title += ", while servers on the clients' own node answer"
    return _finding(
        group,
        outside=outside,
        confidence=Confidence.CONFIRMED if at_server else Confidence.LIKELY,
        subject=f"DNS server {server}",
        title=title,
        observed=observed,
        component=Component.NODE_NETWORK if local and not is_reached else Component.POD,
        confirm=(
            f"{DIG} @{server} {NAME}  # from the node of the client, and of the server",
            "kubectl get pods -n kube-system -l k8s-app=kube-dns -o wide  # is that one ready, and on which node?",
            "kubectl logs -n kube-system -l k8s-app=kube-dns --tail=100",
        ),
        fix=(
            ("let queries through the tunnel to the other nodes",)
            if local and not is_reached
            else ("restart that server if it does not answer on its own node either; if it does, mend the way to it",)
        ),
        alternatives=(
            ("the server waits for one that it forwards to",)
            if at_server
            else (
                f"a policy before {server}, or the way to its node, drops the queries",
                "the address is that of a pod that is gone: kube-proxy, or connection tracking, still sends there",
            )
        ),
        cluster=cluster,
    )


def _race(
    group: Group, raced: list[Look], beyond: Mapping[Question, int], flows: Mapping[Point, Flows], cluster: Cluster
) -> Finding:
    """One of A and AAAA is lost, time and again: beyond the node it shows whether it was lost or not answered."""
    server, clients = format_address(group.server), [format_address(client) for client in group.clients]
    passed = any(leaves_at_once(look, beyond) for look in raced)
    never_left = not passed and sees_beyond(group, flows)
    kinds = sorted({"AAAA" if look.question.type == AAAA else "A" for look in raced})
    what = in_words(kinds)
    return _finding(
        group,
        outside=_is_outside(group, cluster),
        confidence=Confidence.LIKELY if never_left or len(raced) > 1 else Confidence.POSSIBLE,
        subject=f"DNS of {in_words(clients)} to {server}",
        title=f"of A and AAAA queries sent together by {in_words(clients)} to DNS server {server}, {what} is answered "
        "only after it is sent again"
        + (", though it leaves the node" if passed else ": they race in connection tracking"),
        observed=f"{several(len(raced), 'pair')} from one socket within 1 ms, of which only one was answered at once"
        + ("; the other does not leave the node when it is first sent" if never_left else ""),
        component=Component.POD if passed else Component.NODE_KERNEL,
        confirm=(
            "conntrack -S | grep -o 'insert_failed=[0-9]*'  # on the client's node, twice: does it rise?",
            f"{DIG} @{server} AAAA {NAME}  # alone it is answered at once?",
        ),
        fix=(
            ("look at how the server answers such queries",)
            if passed
            else ("use node-local DNS, or options single-request-reopen in the pod's dnsConfig",)
        ),
        alternatives=("the server, or one it forwards to, answers AAAA late", "single packets are lost on the way"),
        cluster=cluster,
    )


def _unanswered(
    group: Group, beyond: Mapping[Question, int], flows: Mapping[Point, Flows], cluster: Cluster
) -> Finding:
    server, clients = format_address(group.server), [format_address(client) for client in group.clients]
    is_service = cluster.service_source(group.server) is not None
    named = f"{'service ' if is_service else 'server '}{server}"
    cause, component, fix = _cause(group, beyond, flows, server)
    others = several(group.answered, "other question")
    some = f"{others} {'is' if group.answered == 1 else 'are'} answered" if group.answered else "no other is answered"
    told = cluster.services.get(group.server)
    endpoints = [format_address(endpoint) for endpoint in told.endpoints] if told else []
    return _finding(
        group,
        outside=_is_outside(group, cluster),
        confidence=Confidence.LIKELY,
        subject=f"DNS of {in_words(clients)} to {server}",
        title=f"{several(len(group.failing), 'DNS question')} of {in_words(clients)} to {named} "
        f"{'is' if len(group.failing) == 1 else 'are'} not answered in time{cause}",
        observed=f"{_asked(group)} at {group.point.label}, {_late(group)}; {some}{cause}",
        component=component,
        confirm=(
            *(f"{DIG} @{endpoint} {NAME}  # each endpoint by itself"
              for endpoint in endpoints[:1]),
            "kubectl get endpointslices -n kube-system -l kubernetes.io/service-name=kube-dns  # all ready?",
            capture_command(Role.NODE, "the node of the client", capture_filter="port 53 or ip proto 4"),
            "iptables-save -c | grep -e cali-fw -e cali-tw  # on the client's node, twice: which DROP counts?",
        ),
        fix=fix,
        alternatives=(
            "one of several servers behind the address does not answer" if group.answered else
            "a policy drops DNS: allow UDP and TCP port 53 to the servers",
            "only servers on other nodes do not answer: the tunnel drops the queries",
            "the server waits for one that it forwards to",
        ),
        cluster=cluster,
    )  # fmt: skip


def _cause(
    group: Group, beyond: Mapping[Question, int], flows: Mapping[Point, Flows], server: str
) -> tuple[str, Component, tuple[str, ...]]:
    """What the packets show of why queries fail: a part of a sentence, whom to look at, and what to do."""
    if any(look.fragmented for look in group.failing):
        text = ": their answers come in fragments, of which not all arrive"
        return (
            text,
            Component.NODE_NETWORK,
            ("find who drops fragments; let the server limit its answers (bufsize 1232)",),
        )
    if reporters := refused_by(group):
        text = f": {in_words(reporters)} reports that nobody listens at {server} port 53"
        return text, Component.POD, ("start what is to listen there (node-local DNS, the DNS pods)",)
    left = any(look.question in beyond for look in group.failing)
    if group.point.is_pod_link and not left and sees_beyond(group, flows):
        text = ", and they never leave the node"
        fix = "allow DNS in the egress policy of the pod; look at a DNS server on the same node"
        return text, Component.FELIX, (fix,)
    return "", Component.POD, ("ask each server behind the address by itself; mend the one that does not answer",)


def _asked(group: Group) -> str:
    return f"{group.queries} queries" if group.queries != 1 else "1 query"


def _late(group: Group) -> str:
    late = sum(look.answers > 0 for look in group.failing)
    never = len(group.failing) - late
    parts = [f"{several(never, 'question')} never answered"] if never else []
    return " and ".join([*parts, *([f"{late} answered only after being sent again"] if late else [])])


def _over_tcp(point: Point, exchanges: DnsExchanges, flows: Flows, extent: Extent) -> Iterable[Finding]:
    """Answers that say "ask again over TCP", and TCP to the same server that is not answered."""
    for own in unanswered_over_tcp(point, exchanges, flows, extent):
        client, server = int(own.source[0]), int(own.destination[0])
        ends = (format_address(client), format_address(server))
        yield Finding(
            severity=Severity.WARNING,
            confidence=Confidence.LIKELY,
            subject=Subject(SubjectKind.FLOW, f"DNS over TCP of {ends[0]} to {ends[1]}", addresses=ends),
            title=f"DNS answers of {ends[1]} to {ends[0]} are too long for UDP, and TCP port 53 is not answered",
            expected="what is too long for UDP (TC bit) is answered over TCP",
            observed=f"after truncated answers {several(int(own.syns.sum()), 'SYN')} to port 53, none answered",
            count=int(own.syns.sum()),
            first_ns=int(own.first_request_ns.min()),
            last_ns=int(own.last_request_ns.max()),
            evidence=(evidence_of(point, own.frames, display_filters.conversation(client, server)),),
            component=Component.FELIX,
            confirm=(f"{DIG} +tcp @{ends[1]} {NAME}  # from the client",),
            fix=("allow TCP port 53 beside UDP in the policies of client and server",),
            alternatives=("the service or the server does not listen on TCP port 53",),
            points=(point.id,),
        )


def _finding(
    group: Group,
    *,
    outside: bool,
    confidence: Confidence,
    subject: str,
    title: str,
    observed: str,
    component: Component,
    confirm: tuple[str, ...],
    fix: tuple[str, ...],
    alternatives: tuple[str, ...],
    cluster: Cluster,
) -> Finding:
    owners = {route.node for address in (group.server, *group.clients) if (route := cluster.owner_of(address))}
    table = group.point.facts.dns_exchanges.select([look.position for look in group.failing])
    text = display_filters.dns_with(group.server)
    evidence: tuple[Evidence, ...] = (evidence_of(group.point, table.frames, text),)
    return Finding(
        severity=Severity.NOTICE if outside else Severity.WARNING,
        confidence=confidence,
        subject=Subject(
            SubjectKind.FLOW,
            subject,
            nodes=tuple(sorted(format_address(node) for node in owners)),
            addresses=(format_address(group.server), *(format_address(client) for client in group.clients)),
        ),
        title=title,
        expected="every DNS query is answered within milliseconds",
        observed=observed,
        count=group.queries,
        first_ns=min(look.first_query_ns for look in group.failing),
        last_ns=max(look.last_query_ns for look in group.failing),
        evidence=evidence,
        component=component,
        confirm=confirm,
        fix=fix,
        alternatives=alternatives,
        points=(group.point.id,),
    )


CHECK = Check(
    code="IPD8007",
    name="DnsRetries",
    severity=Severity.WARNING,
    summary="DNS queries are not answered, or only once they have been sent again",
    points="pod eth0, cali, tunl0, node NIC",
    examine=examine,
)
