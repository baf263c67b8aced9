"""What a run left out because its tables were full, said of each capture."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from ipipdiag.facts.collect import CaptureFacts
from ipipdiag.facts.shares import POINT_LIMIT
from ipipdiag.report.model import InputError

# tables of PointFacts in the words of the report: a packet may be left out of several
WORDS = {
    "mac_pairs": "packets of later MAC addresses",
    "stops": "undecodable packets",
    "flows": "packets of later flows",
    "tunnels": "packets of later tunnels",
    "tunnel_headers": "outer headers",
    "inner_defects": "inner headers",
    "fragments": "fragments",
    "fragment_pieces": "pieces of fragmented packets",
    "duplicates": "duplicates",
    "loops": "looping packets",
    "tcp_events": "segments of later TCP connections",
    "arp_messages": "later ARP messages",
    "icmp_reports": "later ICMP errors",
    "bgp_messages": "later BGP segments and messages",
    "dns_exchanges": "later DNS messages",
}


def left_out(captures: Sequence[CaptureFacts]) -> tuple[InputError, ...]:
    """A sentence for each limit that a capture reached; none of them makes it unread."""
    return tuple(
        InputError(capture.files[0].name, text, fatal=False) for capture in captures for text in _sentences(capture)
    )


def _sentences(capture: CaptureFacts) -> Iterator[str]:
    interfaces = len(capture.files[0].interfaces)
    if capture.unplaced or interfaces > POINT_LIMIT:
        frames = f"; {capture.unplaced} frames of others are in no table" if capture.unplaced else ""
        yield f"limit reached: it has more than {POINT_LIMIT} interfaces, and so many are looked at{frames}"
    left: Counter[str] = Counter()
    for point in capture.points:
        left.update(point.left_out)
    if left:
        named = ", ".join(f"{count} {WORDS[table]}" for table, count in left.most_common())
        yield (
            f"limit reached: it holds more than there is room for; left out are {named}. Give --from and --to, or "
            "--host, to look at a part of it"
        )
