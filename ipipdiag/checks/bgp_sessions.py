"""BGP sessions as one point shows them: connections, the messages in them, and how each ended; shared by family 4."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING

from ipipdiag.addresses import format_address
from ipipdiag.checks.model import Missing, Reason, Subject, SubjectKind
from ipipdiag.kinds import BgpMessage
from ipipdiag.points.commands import capture_command
from ipipdiag.points.model import Role
from ipipdiag.protocols import ACK, BGP_PORT, FIN, RST, SYN

if TYPE_CHECKING:
    from ipipdiag.cluster.model import Cluster
    from ipipdiag.facts.bgp import BgpControls, BgpMessages
    from ipipdiag.points.model import Point

BGP_ROLES = (Role.NODE, Role.ANY, Role.FABRIC, Role.UNKNOWN)
HOLD_TIMER_EXPIRED = 4
CEASE = 6


@dataclass(frozen=True, slots=True)
class Message:
    """One BGP message; ``hold_time``, ``code`` and the others are -1 where its type has none."""

    number: int
    time_ns: int
    speaker: int
    type: int
    as_number: int
    hold_time: int
    identifier: int
    code: int
    subcode: int
    announced: int
    withdrawn: int


@dataclass(frozen=True, slots=True)
class Control:
    """A segment with SYN, FIN or RST."""

    number: int
    time_ns: int
    sender: int
    flags: int
    has_md5: bool


@dataclass(slots=True)
class Connection:
    """One TCP connection to port 179, in the order of its frames."""

    client: int
    server: int
    messages: list[Message] = field(default_factory=list)
    controls: list[Control] = field(default_factory=list)

    def syns(self) -> list[Control]:
        """What the client sent to open it."""
        return [entry for entry in self.controls if entry.flags & (SYN | ACK) == SYN and entry.sender == self.client]

    @property
    def is_accepted(self) -> bool:
        """Whether the server answered the SYN, or anything shows that it had."""
        return bool(self.messages) or any(entry.flags & (SYN | ACK) == SYN | ACK for entry in self.controls)

    def resets_by(self, sender: int) -> list[Control]:
        """Segments with RST of one side."""
        return [entry for entry in self.controls if entry.flags & RST and entry.sender == sender]

    def said_by(self, speaker: int, kind: BgpMessage | None = None) -> list[Message]:
        """Messages of one side, of one type."""
        return [entry for entry in self.messages if entry.speaker == speaker and kind in (None, entry.type)]

    @property
    def is_established(self) -> bool:
        """Whether both sides were seen past the OPEN: keepalives or updates of each."""
        past = {entry.speaker for entry in self.messages if entry.type in (BgpMessage.UPDATE, BgpMessage.KEEPALIVE)}
        return past == {self.client, self.server}

    @property
    def first_ns(self) -> int:
        """Time of the first frame kept."""
        return min(self._times())

    @property
    def last_ns(self) -> int:
        """Time of the last frame kept."""
        return max(self._times())

    def _times(self) -> list[int]:
        return [entry.time_ns for entry in self.messages] + [entry.time_ns for entry in self.controls]

    def end_ns(self) -> int | None:
        """When it was ended by a NOTIFICATION, FIN or RST; None where the capture shows no end."""
        ends = [entry.time_ns for entry in self.messages if entry.type == BgpMessage.NOTIFICATION]
        ends += [entry.time_ns for entry in self.controls if entry.flags & (FIN | RST)]
        return min(ends, default=None)


@dataclass(frozen=True, slots=True)
class Session:
    """All connections between two speakers at one point."""

    point: Point
    low: int
    high: int
    connections: tuple[Connection, ...]

    @property
    def messages(self) -> list[Message]:
        """Messages of all connections in the order of their frames."""
        return sorted((entry for one in self.connections for entry in one.messages), key=lambda entry: entry.number)

    def other(self, address: int) -> int:
        """The other speaker."""
        return self.high if address == self.low else self.low

    def is_established_after(self, time_ns: int) -> bool:
        """Whether the session is up later: both sides send keepalives or updates after a time."""
        later = {
            entry.speaker
            for entry in self.messages
            if entry.time_ns > time_ns and entry.type in (BgpMessage.UPDATE, BgpMessage.KEEPALIVE)
        }
        return later == {self.low, self.high}

    def subject(self, cluster: Cluster) -> Subject:
        """The session as the subject of a finding."""
        nodes = (format_address(self.low), format_address(self.high))
        text = f"BGP between {cluster.node_text(self.low)} and {cluster.node_text(self.high)}"
        return Subject(SubjectKind.SESSION, text, nodes=nodes)


def sessions(points: Iterable[Point]) -> Iterator[Session]:
    """Every pair of speakers that talk, or try to, at every point where BGP passes."""
    for point in points:
        if point.role in BGP_ROLES:
            yield from _sessions_at(point)


@lru_cache(maxsize=256)
def _sessions_at(point: Point) -> tuple[Session, ...]:
    by_pair: dict[tuple[int, int], list[Connection]] = {}
    for connection in _connections(point.facts.bgp_messages, point.facts.bgp_controls):
        pair = (min(connection.client, connection.server), max(connection.client, connection.server))
        by_pair.setdefault(pair, []).append(connection)
    return tuple(
        Session(point, low, high, tuple(sorted(connections, key=lambda one: one.first_ns)))
        for (low, high), connections in sorted(by_pair.items())
    )


def _connections(messages: BgpMessages, controls: BgpControls) -> Iterable[Connection]:
    found: dict[tuple[int, int, int], Connection] = {}

    def connection(source: int, destination: int, source_port: int, destination_port: int) -> Connection:
        if source_port == BGP_PORT and destination_port != BGP_PORT:
            key = (destination, source, destination_port)
        else:
            key = (source, destination, source_port)
        return found.setdefault(key, Connection(key[0], key[1]))

    columns = ("number", "time_ns", "speaker", "type", "as_number", "hold_time", "identifier", "code", "subcode")
    for *ends, row in zip(
        *(getattr(messages, name).tolist() for name in ("speaker", "peer", "speaker_port", "peer_port")),
        messages.rows(*columns, "announced", "withdrawn"),
        strict=True,
    ):
        connection(*ends).messages.append(Message(*row))
    for source, destination, source_port, destination_port, number, time_ns, flags, has_md5 in controls.rows(
        "source", "destination", "source_port", "destination_port", "number", "time_ns", "flags", "has_md5"
    ):
        one = connection(source, destination, source_port, destination_port)
        one.controls.append(Control(number, time_ns, source, flags, bool(has_md5)))
    return found.values()


def no_bgp(points: Iterable[Point]) -> Missing:
    """Why family 4 cannot be judged: no BGP was captured."""
    command = capture_command(Role.NODE, whole=True, capture_filter="tcp port 179", seconds=300)
    if any(point.role in BGP_ROLES for point in points):
        text = "no BGP was captured: the filter left it out, or a keepalive is due only every 80 s"
        return Missing(Reason.TOO_SHORT, text, command)
    return Missing(Reason.WRONG_POINT, "BGP shows on a node's NIC only", command)
