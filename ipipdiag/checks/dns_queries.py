"""DNS queries that were asked again or never answered, and which of several looks at one query belong together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from ipipdiag.addresses import format_address
from ipipdiag.checks.absence import NEARLY_A_SECOND_NS, RETRY_INTERVAL_NS, incomplete, waited_long_enough
from ipipdiag.points.model import Role
from ipipdiag.protocols import DNS_PORT, TCP

if TYPE_CHECKING:
    from ipipdiag.cluster.model import Cluster
    from ipipdiag.facts.dns import DnsExchanges
    from ipipdiag.facts.extent import Extent
    from ipipdiag.facts.flows import Flows
    from ipipdiag.points.model import Point

A, AAAA = 1, 28
RESOLVER_TIMEOUT_NS = 5_000_000_000  # what resolv.conf(5) has for `timeout`; a single query counts only after it
PAIR_NS = 1_000_000  # A and AAAA are sent by one call of the C library, microseconds apart
PORT_UNREACHABLE = (3, 3)
FEWEST_SYNS = 2
ROLES = (Role.POD, Role.CALI, Role.TUNL0, Role.NODE)
TRANSLATED = (Role.TUNL0, Role.NODE)  # where a service address is a server's already
FEWEST_QUERIES = 3
FEWEST_QUESTIONS = 2


class Question(NamedTuple):
    """One question of one client, the same at every point it passes."""

    client: int
    client_port: int
    id: int
    name: int  # hash; 0 where it was not captured
    type: int


@dataclass(frozen=True, slots=True)
class Look:
    """What one point shows of a question: to which server, how often, when answered; times in nanoseconds."""

    point: Point
    position: int
    is_failing: bool
    question: Question
    server: int
    queries: int
    answers: int
    first_query_ns: int
    last_query_ns: int
    first_answer_ns: int
    fragmented: int
    wrapped: int

    @property
    def is_prompt(self) -> bool:
        """Whether it was answered before a resolver would ask again."""
        return self.answers > 0 and self.first_answer_ns - self.first_query_ns < NEARLY_A_SECOND_NS


@dataclass(frozen=True, slots=True)
class Group:
    """The looks at questions to one server at one point: those that fail, and how many are answered in time."""

    point: Point
    server: int
    failing: tuple[Look, ...]
    answered: int

    @property
    def queries(self) -> int:
        """Query packets of the failing questions."""
        return sum(look.queries for look in self.failing)

    @property
    def clients(self) -> tuple[int, ...]:
        """Who asks in vain."""
        return tuple(sorted({look.question.client for look in self.failing}))

    @property
    def is_enough(self) -> bool:
        """Whether it takes more than one lost packet to explain it."""
        return self.queries >= FEWEST_QUERIES or len(self.failing) >= FEWEST_QUESTIONS

    def without(self, explained: set[Question]) -> Group:
        """The group without questions that another one explains."""
        left = tuple(look for look in self.failing if look.question not in explained)
        return Group(self.point, self.server, left, self.answered)


def failing_rows(exchanges: DnsExchanges, extent: Extent) -> Any:
    """Which rows are questions that fail: a boolean array.

    That is those never answered that were sent again, or had a resolver's timeout to be answered in; those answered
    only after they had been sent again; and those sent again though the first fragment of an answer came.
    """
    end_ns = extent.last_ns or 0
    again = exchanges.last_query_ns - exchanges.first_query_ns >= NEARLY_A_SECOND_NS
    waited = again & (end_ns - exchanges.last_query_ns >= RETRY_INTERVAL_NS)
    waited |= end_ns - exchanges.first_query_ns >= RESOLVER_TIMEOUT_NS
    late = again & (exchanges.first_answer_ns - exchanges.first_query_ns >= NEARLY_A_SECOND_NS)
    cut = (exchanges.fragmented > 0) & (exchanges.last_query_ns - exchanges.first_answer_ns >= NEARLY_A_SECOND_NS)
    answered = exchanges.answers > 0
    return (exchanges.queries > 0) & ((answered & (late | cut)) | (~answered & waited))


def looks_at(point: Point, exchanges: DnsExchanges, extent: Extent) -> list[Look]:
    """Every question that a point shows to be asked."""
    names = ("client", "client_port", "id", "question", "question_type", "server", "queries", "answers",
             "first_query_ns", "last_query_ns", "first_answer_ns", "fragmented", "wrapped")  # fmt: skip
    failing = failing_rows(exchanges, extent).tolist()
    looks = []
    for position, (client, port, id, name, kind, server, queries, *rest) in enumerate(exchanges.rows(*names)):
        if queries:
            asked = Question(client, port, id, name, kind)
            looks.append(Look(point, position, failing[position], asked, server, queries, *rest))
    return looks


def groups_of(looks: Iterable[Look]) -> list[Group]:
    """The looks by point and server, in the order in which they appear."""
    grouped: dict[tuple[Point, int], list[Look]] = {}
    for look in looks:
        grouped.setdefault((look.point, look.server), []).append(look)
    return [
        Group(point, server, tuple(look for look in some if look.is_failing), sum(look.is_prompt for look in some))
        for (point, server), some in grouped.items()
    ]


Socket = tuple[int, int, int]  # client, client port, hash of the name


def by_socket(looks: Iterable[Look]) -> dict[Socket, list[Look]]:
    """The looks by the socket that asked and the name it asked for."""
    found: dict[Socket, list[Look]] = {}
    for look in looks:
        found.setdefault((look.question.client, look.question.client_port, look.question.name), []).append(look)
    return found


def races(group: Group, sockets: Mapping[Socket, list[Look]]) -> list[Look]:
    """The failing looks whose twin, the other of A and AAAA from the same socket at the same time, was answered."""
    found = []
    for look in group.failing:
        question = look.question
        twins = sockets.get((question.client, question.client_port, question.name), [])
        if question.type in (A, AAAA) and any(
            twin.question.type == A + AAAA - question.type
            and twin.point is look.point
            and twin.server == look.server
            and twin.is_prompt
            and abs(twin.first_query_ns - look.first_query_ns) <= PAIR_NS
            for twin in twins
        ):
            found.append(look)
    return found


def first_beyond(looks: Iterable[Look]) -> dict[Question, int]:
    """When each question was first sent where a service address is translated already."""
    first: dict[Question, int] = {}
    for look in looks:
        if look.point.role in TRANSLATED:
            first[look.question] = min(first.get(look.question, look.first_query_ns), look.first_query_ns)
    return first


def leaves_at_once(look: Look, beyond: Mapping[Question, int]) -> bool:
    """Whether the first query of a question, not only one sent again, is seen beyond the client's link."""
    return look.question in beyond and beyond[look.question] - look.first_query_ns < NEARLY_A_SECOND_NS


def answered_on_node(group: Group, looks: Iterable[Look]) -> int:
    """How many questions of the same clients are answered without being seen where this group is."""
    if group.point.role not in TRANSLATED:
        return 0
    here = {look.question for look in looks if look.point is group.point}
    return len(
        {
            look.question
            for look in looks
            if look.is_prompt
            and look.question not in here
            and look.question.client in group.clients
            and look.point.is_pod_link
        }
    )


def refused_by(group: Group) -> list[str]:
    """Who answers the failing queries with ICMP port unreachable."""
    reports = group.point.facts.icmp_reports
    kind, code = PORT_UNREACHABLE
    about = (reports.type == kind) & (reports.code == code) & (reports.quoted_destination == group.server)
    about &= reports.quoted_destination_port == DNS_PORT
    return sorted({format_address(reporter) for reporter in reports.reporter[about].tolist()})


def sees_beyond(group: Group, flows: Mapping[Point, Flows]) -> bool:
    """Whether tunl0 or a NIC was captured that other packets of the same clients pass."""
    return any(
        point.role in TRANSLATED and any(source in group.clients for source in table.source.tolist())
        for point, table in flows.items()
    )


def unanswered_over_tcp(point: Point, exchanges: DnsExchanges, flows: Flows, extent: Extent) -> Iterator[Flows]:
    """The SYNs to port 53 of each client that was told by a truncated answer (TC) to ask that way, none answered."""
    truncated = exchanges.select(exchanges.truncated > 0)
    told = sorted(set(truncated.rows("client", "server")))
    if not told or incomplete(point):
        return
    attempts = flows.select((flows.protocol == TCP) & (flows.destination_port == DNS_PORT) & (flows.syns > 0))
    for client, server in told:
        own = attempts.select((attempts.source == client) & (attempts.destination == server))
        is_silent = len(own) > 0 and not bool((own.answers > 0).any()) and int(own.syns.sum()) >= FEWEST_SYNS
        if is_silent and waited_long_enough(int(own.last_request_ns.max()), extent):
            yield own


def neighbours_answer(group: Group, flows: Flows, cluster: Cluster) -> bool:
    """Whether others on the server's node answer somebody at the same point: then the way to that node is good."""
    owner = cluster.owner_of(group.server)
    answered = set(flows.select(flows.answers > 0).destination.tolist()) - {group.server} if owner is not None else ()
    return owner is not None and any(
        (route := cluster.owner_of(address)) is not None and route.node == owner.node for address in answered
    )


def sends_frames(point: Point) -> bool:
    """Whether a pod's link shows any frame of the pod, be it ARP."""
    pairs = point.facts.mac_pairs
    return any(sent and mac not in point.host_macs for mac, sent in pairs.rows("source_mac", "frames_sent"))
