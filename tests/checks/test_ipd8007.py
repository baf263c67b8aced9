"""IPD8007 DnsRetries."""

from __future__ import annotations

from ipipdiag.checks.model import Component, Confidence, Reason, Severity, Status
from tests.builders.packets import dns_answer, dns_query, ethernet, icmp_error, ipv4, tcp, udp
from tests.checks.service_world import (
    BACKEND,
    FILES,
    NAME,
    OTHER_BACKEND,
    SERVICE,
    ask,
    asked_through_tunnel,
    link,
    segment,
    told,
    told_through_tunnel,
    tunnel,
)
from tests.checks.world import (
    MAC_NODE_A,
    MAC_ROUTER,
    POD_A,
    Examination,
    Timed,
    at,
    bgp,
    from_a,
    to_pod,
    wrapped,
)

AAAA = 28
TIMEOUT = 5


def lost_at_link(count: int = 2, first: float = 1, port: int = 41000) -> list[Timed]:
    """Questions that are asked twice, five seconds apart, and never answered."""
    return [ask(first + n + wait, id=n, port=port + n) for n in range(count) for wait in (0, TIMEOUT)]


def lost_in_tunnel(count: int = 3, first: float = 1, server: str = BACKEND, port: int = 41000) -> list[Timed]:
    return [
        asked_through_tunnel(first + n + wait + 0.0001, id=n, port=port + n, server=server)
        for n in range(count)
        for wait in (0, TIMEOUT)
    ]


def works_in_tunnel(count: int = 3, first: float = 1.5, server: str = OTHER_BACKEND) -> list[Timed]:
    return [
        frame
        for n in range(count)
        for frame in (
            asked_through_tunnel(first + n, id=90 + n, port=45000 + n, server=server),
            told_through_tunnel(first + n + 0.001, id=90 + n, port=45000 + n, server=server),
        )
    ]


# must not be reported


def test_answered_queries_pass(examine: Examination) -> None:
    assert examine(link(ask(1), told(1.001), ask(2, id=2), told(2.001, id=2))).status is Status.PASS


def test_search_list_of_names_that_do_not_exist_is_no_fault(examine: Examination) -> None:
    frames = []
    for n, suffix in enumerate(("ns.svc.cluster.local", "svc.cluster.local", "cluster.local", "example.net")):
        for kind in (1, AAAA):
            name, id = f"example.net.{suffix}", 10 * n + kind
            frames += [ask(1 + n, id, kind, name=name), told(1.0005 + n, id, kind, name=name, code=3)]
    assert examine(link(*frames)).status is Status.PASS


def test_one_lost_query_is_no_fault(examine: Examination) -> None:
    assert not examine(link(ask(1), ask(1 + TIMEOUT), told(1.001 + TIMEOUT))).findings


def test_slow_answer_that_nobody_asks_for_again_is_no_retry(examine: Examination) -> None:
    frames = [frame for n in range(4) for frame in (ask(1 + n, id=n), told(4 + n, id=n))]
    assert not examine(link(*frames)).findings


def test_same_id_and_port_used_again_later_is_no_retry(examine: Examination) -> None:
    frames = [frame for n in range(4) for frame in (ask(1 + 3 * n), told(1.001 + 3 * n))]
    assert not examine(link(*frames)).findings


def test_queries_in_the_last_seconds_may_still_be_answered(examine: Examination) -> None:
    frames = [ask(16 + n, id=n, port=41000 + n) for n in range(4)]
    assert not examine(link(ask(1, id=99), told(1.001, id=99), *frames)).findings


def test_server_outside_the_cluster_is_only_noticed(examine: Examination) -> None:
    outside = [
        at(1 + n + wait, ethernet(ipv4(udp(dns_query(NAME, n), 41000 + n, 53), POD_A, "198.51.100.53", ttl=63, id=n),
                                  MAC_NODE_A, MAC_ROUTER))
        for n in range(3) for wait in (0, TIMEOUT)
    ]  # fmt: skip
    assert examine([*bgp(), *tunnel(*outside)]).finding.severity is Severity.NOTICE


# must be reported


def test_one_dead_server_of_several_is_named(examine: Examination) -> None:
    finding = examine([*bgp(), *tunnel(*lost_in_tunnel(), *works_in_tunnel())]).finding
    assert (finding.severity, finding.confidence) == (Severity.WARNING, Confidence.LIKELY)
    assert finding.title == f"DNS server {BACKEND} answers none of 6 queries, while {OTHER_BACKEND} answers"
    assert finding.component is Component.POD


def test_dead_server_explains_what_the_client_sees(examine: Examination) -> None:
    """The client's link shows the service address only; the same questions name the server at the NIC."""
    at_link = link(*lost_at_link(3), ask(2.5, id=91, port=45001), told(2.502, id=91, port=45001))
    finding = examine(at_link, [*bgp(), *tunnel(*lost_in_tunnel(), *works_in_tunnel())]).finding
    assert finding.subject.text == f"DNS server {BACKEND}"


def test_pods_link_alone_says_which_questions_fail(examine: Examination) -> None:
    at_link = link(*lost_at_link(), ask(9, id=9), told(9.001, id=9))
    finding = examine(at_link, files=FILES).finding
    assert (finding.severity, finding.confidence) == (Severity.WARNING, Confidence.LIKELY)
    assert "2 DNS questions" in finding.title
    assert "1 other question is answered" in finding.observed
    assert any(f"@{BACKEND}" in command for command in finding.confirm)


def test_queries_without_repetition_have_a_timeout_to_be_answered(examine: Examination) -> None:
    frames = [ask(1 + n, id=n, port=41000 + n) for n in range(4)]
    assert examine(link(*frames, ask(9, id=9), told(9.001, id=9))).finding.count == 4


def raced(count: int) -> list[Timed]:
    """A and AAAA from one socket within a millisecond; the second is lost, and answered when it is sent again."""
    frames = []
    for n in range(count):
        time, port = 1 + 2 * n, 41000 + n
        first, second = 2 * n, 2 * n + 1
        frames += [
            ask(time, first, 1, port), ask(time + 0.0002, second, AAAA, port), told(time + 0.001, first, 1, port),
            ask(time + TIMEOUT, second, AAAA, port), told(time + TIMEOUT + 0.001, second, AAAA, port),
        ]  # fmt: skip
    return frames


def test_race_of_a_and_aaaa(examine: Examination) -> None:
    finding = examine(link(*raced(3))).finding
    assert "they race in connection tracking" in finding.title
    assert "AAAA is answered only after it is sent again" in finding.title
    assert (finding.confidence, finding.component) == (Confidence.LIKELY, Component.NODE_KERNEL)
    assert "insert_failed" in finding.confirm[0]


def test_single_race_may_be_a_lost_packet(examine: Examination) -> None:
    finding = examine(link(*raced(1))).finding
    assert (finding.severity, finding.confidence) == (Severity.WARNING, Confidence.POSSIBLE)


def test_race_whose_second_query_leaves_only_when_sent_again(examine: Examination) -> None:
    beyond = []
    for n in range(3):
        for id, time in ((2 * n, 1 + 2 * n), (2 * n + 1, 1 + 2 * n + TIMEOUT)):
            beyond += [
                asked_through_tunnel(time + 0.0003, id, 41000 + n, kind=AAAA if id % 2 else 1),
                told_through_tunnel(time + 0.0006, id, 41000 + n, kind=AAAA if id % 2 else 1),
            ]
    finding = examine(link(*raced(3)), [*bgp(), *tunnel(*beyond)]).finding
    assert "they race in connection tracking" in finding.title
    assert "does not leave the node when it is first sent" in finding.observed


def test_query_that_leaves_the_node_did_not_race(examine: Examination) -> None:
    beyond = []
    for n in range(3):
        packet = ipv4(udp(dns_query(NAME, 2 * n + 1, AAAA), 41000 + n, 53), POD_A, BACKEND, ttl=63, id=n)
        beyond.append(at(1 + 2 * n + 0.0003, from_a(wrapped(packet))))
    findings = examine(link(*raced(3)), [*bgp(), *tunnel(*beyond)]).findings
    assert all("race in connection tracking" not in finding.title for finding in findings)


def test_dead_server_while_others_on_its_node_answer(examine: Examination) -> None:
    """What stays on the client's node is answered, and so is another pod beside the server: the tunnel is good."""
    local = [ask(9, 70, port=46000), told(9.001, 70, port=46000)]
    finding = examine(link(*lost_at_link(3), *local), [*bgp(), *tunnel(*lost_in_tunnel())]).finding
    assert finding.component is Component.POD
    assert "other pods on its node answer" in finding.observed


def test_servers_own_link_shows_that_it_is_silent(examine: Examination) -> None:
    """Nothing but ARP comes from that pod: enough to see that its link was captured both ways."""
    asked = [
        at(1 + n, to_pod(ipv4(udp(dns_query(NAME, n), 41000 + n, 53), "172.20.9.7", POD_A, ttl=62, id=n)))
        for n in range(4)
    ]
    finding = examine(link(*asked)).finding
    assert (finding.confidence, finding.component) == (Confidence.CONFIRMED, Component.POD)
    assert finding.title == f"DNS server {POD_A} answers none of 4 queries"


def test_only_servers_on_other_nodes_do_not_answer(examine: Examination) -> None:
    """What stays on the node is answered; what goes through the tunnel is not."""
    local = [frame for n in range(3) for frame in (ask(1.4 + n, 70 + n, port=46000 + n),
                                                   told(1.401 + n, 70 + n, port=46000 + n))]  # fmt: skip
    finding = examine(link(*lost_at_link(3), *local), [*bgp(), *lost_in_tunnel()]).finding
    assert "while servers on the clients' own node answer" in finding.title
    assert finding.component is Component.NODE_NETWORK


def test_queries_that_never_leave_the_node(examine: Examination) -> None:
    works = [segment(2, "S", POD_A, SERVICE, (43000, 80)), segment(2.001, "SA", SERVICE, POD_A, (80, 43000))]
    finding = examine(link(*lost_at_link(3), *works), [*bgp(), *tunnel()]).finding
    assert "they never leave the node" in finding.title
    assert finding.component is Component.FELIX


def test_nobody_listens(examine: Examination) -> None:
    refusals = []
    for time, frame in lost_at_link(3):
        refusals.append((time + 100_000, to_pod(ipv4(icmp_error(3, 3, frame[14:]), "192.0.2.11", POD_A, ttl=64, id=3))))
    finding = examine(link(*lost_at_link(3), *refusals)).finding
    assert "192.0.2.11 reports that nobody listens" in finding.title


def test_answers_in_fragments_that_do_not_all_arrive(examine: Examination) -> None:
    frames = []
    for n in range(2):
        for wait in (0, TIMEOUT):
            time = 1 + 2 * n + wait
            whole = udp(dns_answer(NAME, n, more=1600), 53, 41000 + n)
            part = ipv4(whole[:1400], SERVICE, POD_A, protocol=17, ttl=62, id=50 + n, more_fragments=True)
            frames += [ask(time, n, port=41000 + n), at(time + 0.001, to_pod(part))]
    finding = examine(link(*frames)).finding
    assert "answers come in fragments" in finding.title


def test_answers_too_long_for_udp_while_tcp_is_not_answered(examine: Examination) -> None:
    syns = [segment(2 + wait, "S", POD_A, SERVICE, (43000, 53)) for wait in (0, 1, 3)]
    finding = examine(link(ask(1), told(1.001, truncated=True), *syns)).finding
    assert "TCP port 53 is not answered" in finding.title


# cannot be judged


def test_capture_of_one_direction_says_nothing(examine: Examination) -> None:
    assert examine(link(*lost_at_link(3))).reason is Reason.ONE_DIRECTION


def test_capture_that_lost_frames_says_nothing(examine: Examination) -> None:
    opened = [segment(1, "S", POD_A, SERVICE, (43000, 80)), segment(1.001, "SA", SERVICE, POD_A, (80, 43000))]
    gap = at(2, to_pod(ipv4(tcp(flags="A", source_port=80, destination_port=43000, acknowledgement=90000), SERVICE,
                            POD_A, ttl=62, id=4)))  # fmt: skip
    assert examine(link(*opened, gap, *lost_at_link(3))).reason is Reason.CAPTURE_DROPS


def test_capture_without_dns_says_nothing(examine: Examination) -> None:
    assert examine(link()).reason is Reason.TOO_FEW_PACKETS
