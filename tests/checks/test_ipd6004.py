"""IPD6004 DroppedAtDestination."""

from __future__ import annotations

from functools import partial

from ipipdiag.checks.model import Confidence, Reason, Severity, Status
from tests.builders.captures import pcap
from tests.builders.packets import ethernet, ipv4, udp
from tests.checks.files_world import BLOCKS, NODES, collected, pool
from tests.checks.two_points import Ways, echo
from tests.checks.world import (
    HOST_MAC,
    NODE_B,
    OTHER_POD_B,
    POD_A,
    POD_B,
    Examination,
    at,
    from_a,
    request,
    wrapped,
)

POOLED = NODES + BLOCKS + pool()


def test_what_reaches_the_pod_passes(examine: Examination) -> None:
    ways = Ways()
    ways.ping(5)
    assert examine(*ways.captures("nic_b", "tunl_b", "cali_b")).status is Status.PASS


def test_pod_that_answers_was_reached(examine: Examination) -> None:
    ways = Ways()
    ways.ping(6)
    ways.frames["cali_b"].clear()
    assert not examine(*ways.captures("nic_b", "tunl_b", "cali_b")).findings


def test_pod_whose_answers_are_seen_behind_the_gap_was_reached(examine: Examination) -> None:
    """The requests are missing at the pod, the answers at the NIC: two captures with holes, and no loss."""
    ways = Ways()
    for sequence in range(1, 7):
        ways.send(2 + sequence, echo(sequence), skip=("cali_b",))
        answer = echo(sequence, request=False, source=POD_B, destination=POD_A)
        ways.send(2 + sequence + 0.01, answer, back=True, skip=("tunl_b", "nic_b", "nic_a"))
    ways.ping(2, first=12, identifier=9)
    assert not examine(*ways.captures("nic_b", "tunl_b", "cali_b")).findings


def test_nic_alone_is_not_enough(examine: Examination) -> None:
    ways = Ways()
    ways.ping(5, lost_after="tunl_b")
    answer = examine(*ways.captures("nic_b"))
    assert (answer.status, answer.reason) == (Status.NOT_CHECKED, Reason.SINGLE_POINT)


def test_what_ends_before_the_pod_is_critical(examine: Examination) -> None:
    ways = Ways()
    ways.ping(6, lost_after="tunl_b")
    ways.ping(3, first=12, identifier=9)
    finding = examine(*ways.captures("nic_a", "nic_b", "tunl_b", "cali_b")).finding
    assert (finding.severity, finding.confidence, finding.count) == (Severity.CRITICAL, Confidence.CONFIRMED, 6)
    assert f"packets from {POD_A} to pod {POD_B} end on its node {NODE_B}" in finding.title
    assert any("ingress policy" in text for text in finding.alternatives)
    assert any("reverse path" in text for text in finding.alternatives)


def quiet_link() -> bytes:
    """A pod's link on which only router solicitations of the host side pass."""
    solicitation = bytes.fromhex("6000000000103aff") + bytes(32) + bytes.fromhex("85007bb800000000") + bytes(8)
    frame = ethernet(solicitation, source=HOST_MAC, destination="33:33:00:00:00:02", ether_type=0x86DD)
    return pcap([at(1, frame), at(18, frame)], nano=True)


def test_quiet_link_is_taken_to_be_that_of_the_only_silent_pod(examine: Examination) -> None:
    ways = Ways()
    ways.ping(6, lost_after="tunl_b")
    finding = examine(*ways.captures("nic_a", "nic_b", "tunl_b"), quiet_link()).finding
    assert finding.confidence is Confidence.LIKELY
    assert any("another pod's" in text for text in finding.alternatives)


def test_quiet_link_is_nobodys_where_two_pods_are_silent(examine: Examination) -> None:
    ways = Ways()
    ways.ping(6, lost_after="tunl_b")
    for place in ("nic_a", "nic_b", "tunl_b"):
        for n in range(4):
            packet = request(n, destination=OTHER_POD_B)
            ways.frames[place].append(at(6 + n, packet if place == "tunl_b" else from_a(wrapped(packet))))
    assert not examine(*ways.captures("nic_a", "nic_b", "tunl_b"), quiet_link()).findings


def test_counters_of_the_node_name_the_cause(examine: Examination) -> None:
    ways = Ways()
    ways.ping(6, lost_after="tunl_b")
    ways.ping(3, first=12, identifier=9)
    files = collected(POOLED)
    files["nodes/beta/iptables-save.txt"] = (
        "*filter\n:cali-tw-cali1 - [0:0]\n"
        '[6:504] -A cali-tw-cali1 -m comment --comment "Drop if no policies passed packet" -j DROP\nCOMMIT\n'
    )
    files["nodes/beta/nstat.txt"] = "#kernel\nTcpExtIPReversePathFilter       0                  0.0\n"
    finding = examine(*ways.captures("nic_a", "nic_b", "tunl_b", "cali_b"), files=files).finding
    assert "chain cali-tw-cali1 has dropped 6 packets" in finding.observed
    assert not any("reverse path" in text for text in finding.alternatives)


def test_link_captured_in_one_direction_misses_nothing(examine: Examination) -> None:
    """What the pod sends in a conversation is there, what reaches it is not: a filter, or ``tcpdump -Q``."""
    ways = Ways()
    for number in range(8):
        datagram = udp(b"gauge", 40000, 8125)
        ways.send(2 + number, partial(ipv4, datagram, POD_A, POD_B, None, id=70 + number), skip=("cali_b",))
    ways.ping(4, first=10)
    sent_by_pod = [frame for frame in ways.frames["cali_b"] if frame[1][6:12] != bytes.fromhex("ee" * 6)]
    ways.frames["cali_b"] = sent_by_pod
    assert not examine(*ways.captures("nic_b", "tunl_b", "cali_b")).findings
