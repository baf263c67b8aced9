"""IPD8006 ChecksumBroken."""

from __future__ import annotations

import pytest

from ipipdiag.checks.model import Confidence, Reason, Severity, Status
from tests.builders.captures import pcap
from tests.builders.packets import PARTIAL, icmp_echo, ipv4
from tests.checks.connections import FULL, Connection
from tests.checks.world import (
    MAC_NODE_A,
    MAC_NODE_B,
    MAC_ROUTER,
    NODE_A,
    NODE_B,
    ROUTER,
    Examination,
    Timed,
    at,
    bgp,
    ethernet,
    gateway_arp,
    pings,
)


def nic_of(node: str, mac: str) -> list[Timed]:
    """What shows whose NIC it is: the node's own packets to its router."""
    return [
        at(time, ethernet(ipv4(icmp_echo(sequence=time), node, ROUTER, id=time), source=mac, destination=MAC_ROUTER))
        for time in range(1, 20)
    ]


AT_B, AT_A = nic_of(NODE_B, MAC_NODE_B), nic_of(NODE_A, MAC_NODE_A)


def syns(checksum: int | None, count: int = 4, **kind: str) -> list[Timed]:
    """Connection attempts of pod A that nothing answers."""
    one = Connection(**kind)  # type: ignore[arg-type]
    for number in range(count):
        one.again(0, 1000, flags="S", acknowledgement=0, number=number + 1, checksum=checksum, after=1)
    return one.frames


# what must not be reported


def test_right_checksums_pass(examine: Examination) -> None:
    assert examine([*AT_B, *bgp(), *pings(), *syns(None)]).status is Status.PASS


def test_open_checksums_at_the_sender_are_not_judged(examine: Examination) -> None:
    assert not examine([*AT_A, *bgp(), *pings(), *syns(PARTIAL)]).findings


def test_segments_that_are_acknowledged_arrived(examine: Examination) -> None:
    """Nodes that are virtual machines of one host leave checksums open, and know it of each other."""
    one = Connection()
    one.send(0, flags="S", acknowledgement=0, checksum=PARTIAL)
    one.send(0, to_b=False, flags="SA")
    for _ in range(5):
        one.acknowledge(to_b=True, checksum=PARTIAL)
    assert not examine([*AT_B, *bgp(), *pings(), *one.frames]).findings


def test_merged_segments_with_payload_are_not_judged(examine: Examination) -> None:
    one = Connection()
    one.open()
    for _ in range(5):
        one.send(4 * FULL, checksum=PARTIAL)
    assert not examine([*AT_B, *bgp(), *pings(), *one.frames]).findings


def test_silence_of_all_kinds_has_other_reasons(examine: Examination) -> None:
    assert not examine([*AT_B, *bgp(), *pings(answered=False), *syns(PARTIAL)]).findings


def test_two_segments_are_not_enough(examine: Examination) -> None:
    assert not examine([*AT_B, *bgp(), *pings(), *syns(PARTIAL, count=2)]).findings


# what must be


@pytest.mark.parametrize(("checksum", "said"), [(PARTIAL, "transmit offload is broken"), (77, "damaged on the way")])
def test_tcp_is_rejected_while_ping_works(examine: Examination, checksum: int, said: str) -> None:
    finding = examine([*AT_B, *bgp(), *pings(), *syns(checksum)]).finding
    assert (finding.severity, finding.confidence, finding.count) == (Severity.CRITICAL, Confidence.CONFIRMED, 4)
    assert said in finding.title
    assert finding.worked == ("ping between the two nodes is answered",)
    counts = (4, 0) if checksum == PARTIAL else (0, 4)
    assert "({} the pseudo-header sum, {} another)".format(*counts) in finding.observed


# what cannot be judged


def test_pod_links_do_not_show_it(examine: Examination) -> None:
    answer = examine(gateway_arp())
    assert (answer.status, answer.reason) == (Status.NOT_CHECKED, Reason.WRONG_POINT)
    assert answer.enable


def test_headers_that_were_cut_are_not_verified(examine: Examination) -> None:
    frames = sorted([*AT_B, *pings(), *syns(PARTIAL)])
    data = pcap([(time, frame[:60], len(frame)) for time, frame in frames], nano=True)
    assert examine(data).reason is Reason.TOO_FEW_PACKETS
