"""What packets imply about a cluster of which nobody told: and what they must not be taken to imply."""

from __future__ import annotations

from ipaddress import IPv4Network
from pathlib import Path

import numpy as np
import pytest

from ipipdiag.addresses import format_address
from ipipdiag.cluster.infer import build_cluster
from ipipdiag.cluster.model import Cluster, Node, NodeEvidence, Pool
from ipipdiag.points.model import Role
from tests.builders.packets import bgp_update, icmp_error, ip_number, ipv4, tcp
from tests.builders.points import points_of
from tests.checks.world import (
    BLOCK_A,
    BLOCK_B,
    NODE_A,
    NODE_B,
    POD_A,
    POD_B,
    ROUTER,
    TUNNEL_A,
    Timed,
    at,
    bgp,
    from_a,
    from_b,
    from_pod,
    gateway_arp,
    pings,
    reply,
    request,
    syn,
    to_pod,
    wrapped,
)

A, B = ip_number(NODE_A), ip_number(NODE_B)


def inferred(folder: Path, *captures: list[Timed], role: Role | None = None, told: Cluster | None = None) -> Cluster:
    return build_cluster(points_of(folder, *captures, role=role), told or Cluster())


class TestNodes:
    def test_outer_address_of_one_direction_is_not_enough(self, tmp_path: Path) -> None:
        cluster = inferred(tmp_path, pings(answered=False))
        assert {cluster.nodes[address].evidence for address in (A, B)} == {NodeEvidence.OUTER_ONE_WAY}
        assert not cluster.is_node(A) and not cluster.is_node(B)

    def test_outer_address_both_ways_is_a_node(self, tmp_path: Path) -> None:
        cluster = inferred(tmp_path, pings())
        assert cluster.is_node(A) and cluster.is_node(B)
        assert "source and destination of tunnel packets" in cluster.nodes[A].source

    def test_speaker_of_bgp_is_a_node_by_stronger_evidence(self, tmp_path: Path) -> None:
        cluster = inferred(tmp_path, [*bgp(), *pings()])
        assert cluster.nodes[A].evidence is NodeEvidence.SPEAKS_BGP

    def test_who_only_refuses_bgp_is_none(self, tmp_path: Path) -> None:
        refusal = ipv4(tcp(b"", 179, 41000, "RA"), NODE_B, NODE_A, ttl=64)
        cluster = inferred(tmp_path, [at(1, from_b(refusal))], role=Role.NODE)
        assert B not in cluster.nodes

    def test_bgp_inside_a_tunnel_is_a_pods(self, tmp_path: Path) -> None:
        inner = ipv4(tcp(b"x", 40000, 179, "PA"), POD_A, POD_B, ttl=63)
        assert ip_number(POD_A) not in inferred(tmp_path, [at(1, from_a(wrapped(inner)))]).nodes

    def test_a_fabric_point_shows_no_node(self, tmp_path: Path) -> None:
        assert not inferred(tmp_path, [*bgp(), *pings()], role=Role.FABRIC).nodes

    def test_what_is_told_stays(self, tmp_path: Path) -> None:
        told = Cluster(nodes={A: Node(A, "alpha", 24, NodeEvidence.TOLD, "user")})
        cluster = inferred(tmp_path, [*bgp(), *pings()], told=told)
        assert (cluster.nodes[A].name, cluster.nodes[A].source) == ("alpha", "user")
        assert cluster.nodes[B].name is None


class TestOwners:
    def test_outer_source_at_the_first_hop_owns(self, tmp_path: Path) -> None:
        cluster = inferred(tmp_path, pings())
        assert [route.node for route in cluster.seen_behind[ip_number(POD_A)]] == [A]
        assert [route.node for route in cluster.seen_behind[ip_number(POD_B)]] == [B]

    @pytest.mark.parametrize("ttl", [62, 64, 60])
    def test_other_ttls_do_not_tell(self, tmp_path: Path, ttl: int) -> None:
        frames = [at(n, from_a(wrapped(request(n, ttl=ttl), ttl=ttl))) for n in range(1, 4)]
        assert ip_number(POD_A) not in inferred(tmp_path, frames).seen_behind

    def test_a_loop_does_not_poison_the_owner(self, tmp_path: Path) -> None:
        frames = []
        for lap, ttl in enumerate((63, 61, 59, 57)):
            there, back = (from_a, NODE_A, NODE_B), (from_b, NODE_B, NODE_A)
            for position, (link, source, destination) in enumerate((there, back)):
                packet = wrapped(request(1, ttl=ttl - position), source, destination, ttl=ttl - position)
                frames.append(at(1 + lap / 100 + position / 200, link(packet)))
        cluster = inferred(tmp_path, frames)
        assert [route.node for route in cluster.seen_behind[ip_number(POD_A)]] == [A]

    def test_an_icmp_error_owns_nothing(self, tmp_path: Path) -> None:
        report = ipv4(icmp_error(3, 1, request()), POD_B, POD_A, ttl=63, id=3)
        frames = [at(1, from_b(wrapped(report, NODE_B, NODE_A)))]
        assert ip_number(POD_B) not in inferred(tmp_path, frames).seen_behind

    def test_own_packets_of_a_node_are_its_tunnel_address(self, tmp_path: Path) -> None:
        frames = [at(1, from_a(wrapped(request(1, source=TUNNEL_A, ttl=64), ttl=64))), *pings()]
        cluster = inferred(tmp_path, frames)
        assert cluster.tunnel_addresses == {ip_number(TUNNEL_A): A}
        assert not cluster.is_pod(ip_number(TUNNEL_A))

    def test_resets_in_a_pods_name_are_no_tunnel_address(self, tmp_path: Path) -> None:
        reset = ipv4(tcp(b"", 80, 40000, "RA"), POD_B, POD_A, ttl=64, id=0)
        cluster = inferred(tmp_path, [at(1, from_b(wrapped(reset, NODE_B, NODE_A, ttl=64))), *pings()])
        assert not cluster.tunnel_addresses


class TestBlocks:
    def test_announced_blocks_and_their_next_hop(self, tmp_path: Path) -> None:
        cluster = inferred(tmp_path, bgp())
        assert {(str(route.network), route.node) for route in cluster.announced} >= {(BLOCK_B, B)}
        assert cluster.is_pod(ip_number(POD_B))

    def test_next_hop_that_is_no_node_announces_nothing(self, tmp_path: Path) -> None:
        update = tcp(bgp_update([BLOCK_B], next_hop=ROUTER), 41000, 179, "PA", sequence=1)
        frames = [*bgp(blocks=False), at(0.2, from_b(ipv4(update, NODE_B, NODE_A, ttl=64)))]
        assert not inferred(tmp_path, frames).announced

    def test_an_aggregate_wider_than_a_block_is_none(self, tmp_path: Path) -> None:
        update = tcp(bgp_update(["172.16.0.0/12"], next_hop=NODE_B), 41000, 179, "PA", sequence=1)
        frames = [*bgp(blocks=False), at(0.2, from_b(ipv4(update, NODE_B, NODE_A, ttl=64)))]
        assert not inferred(tmp_path, frames).announced

    @pytest.mark.parametrize("seed", range(30))
    def test_the_last_update_of_the_first_speaker_decides(self, tmp_path: Path, seed: int) -> None:
        """Against the definition: UPDATE by UPDATE, point by point, a withdrawal ends what its speaker announced."""
        captures = [jumbled_updates(2 * seed), jumbled_updates(2 * seed + 1)]
        points = points_of(tmp_path, *captures, role=Role.NODE)
        expected: dict[tuple[str, int], list[int | None]] = {}  # first and last time, speaker, when withdrawn
        for point in points:
            for time_ns, speaker, prefix, length, hop, withdrawn in point.facts.bgp_routes.rows(
                "time_ns", "speaker", "prefix", "prefix_length", "next_hop", "withdrawn"
            ):
                network = str(IPv4Network((prefix, length)))
                if withdrawn:
                    for (known, _), route in expected.items():
                        if known == network and route[2] == speaker:
                            route[3] = time_ns
                else:
                    first_ns, _, by, _ = expected.get((network, hop), [time_ns, 0, speaker, None])
                    expected[network, hop] = [min(first_ns or 0, time_ns), time_ns, by, None]
        found = build_cluster(points, Cluster()).announced
        assert [(str(route.network), route.node) for route in found] == list(expected)
        for route, (first_ns, last_ns, speaker, withdrawn_ns) in zip(found, expected.values(), strict=True):
            assert (route.first_ns, route.last_ns, route.withdrawn_ns) == (first_ns, last_ns, withdrawn_ns)
            assert route.source == f"inferred: announced by BGP from {format_address(speaker or 0)}"

    def test_speaker_whose_address_ends_like_anothers_withdraws_nothing_of_it(self, tmp_path: Path) -> None:
        near, far = "2.0.2.7", "192.0.2.7"
        frames = [
            at(1, from_a(ipv4(tcp(bgp_update([BLOCK_B], next_hop=far), 41000, 179, "PA", sequence=1), far, NODE_A))),
            at(2, from_a(ipv4(tcp(bgp_update(withdrawn=[BLOCK_B]), 41000, 179, "PA", sequence=1), near, NODE_A))),
        ]
        (route,) = inferred(tmp_path, frames).announced
        assert route.withdrawn_ns is None


def jumbled_updates(seed: int) -> list[Timed]:
    """UPDATEs of two speakers that announce and withdraw two blocks of either, in any order."""
    random = np.random.default_rng(seed)
    sequence = {NODE_A: 1, NODE_B: 1}
    frames = []
    for number in range(12):
        speaker, next_hop = ((NODE_A, NODE_B)[random.integers(2)] for _ in range(2))
        block = (BLOCK_A, BLOCK_B)[random.integers(2)]
        payload = bgp_update(withdrawn=[block]) if random.integers(2) else bgp_update([block], next_hop=next_hop)
        peer, ports = (NODE_B, (179, 41000)) if speaker == NODE_A else (NODE_A, (41000, 179))
        segment = tcp(payload, *ports, "PA", sequence=sequence[speaker])
        sequence[speaker] += len(payload)
        frames.append(at(1 + number, from_a(ipv4(segment, speaker, peer, ttl=64, id=number + 1))))
    return frames


class TestPods:
    def test_who_asks_for_the_gateway_is_a_pod(self, tmp_path: Path) -> None:
        cluster = inferred(tmp_path, [*gateway_arp(), at(1, from_pod(request(ttl=64)))])
        assert cluster.pods[ip_number(POD_A)] == "asked for 169.254.1.1"

    def test_bare_packets_alone_make_no_pod(self, tmp_path: Path) -> None:
        frames = [*bgp(blocks=False), at(1, from_a(request())), at(1.1, from_b(reply()))]
        assert not inferred(tmp_path, frames).is_pod(ip_number(POD_A))

    def test_a_told_pool_makes_pods_of_its_addresses_and_not_of_nodes(self, tmp_path: Path) -> None:
        told = Cluster(pools=(Pool(IPv4Network("172.20.0.0/16"), None, "user"),))
        cluster = inferred(tmp_path, bgp(blocks=False), told=told)
        assert cluster.is_pod(ip_number(POD_A)) and not cluster.is_pod(A)


class TestTunnelMtu:
    def test_unknown_without_a_sign(self, tmp_path: Path) -> None:
        assert inferred(tmp_path, pings()).tunnel_mtu is None

    def test_as_the_pods_own_node_reports_it(self, tmp_path: Path) -> None:
        report = ipv4(icmp_error(3, 4, request(ttl=64), next_hop_mtu=1460), NODE_A, POD_A, ttl=64, id=4)
        cluster = inferred(tmp_path, [*gateway_arp(), at(1, from_pod(request(ttl=64))), at(1.1, to_pod(report))])
        assert cluster.tunnel_mtu == 1460

    def test_as_syns_of_tunl0_imply_it(self, tmp_path: Path) -> None:
        frames = [at(1, from_a(wrapped(syn(source=TUNNEL_A, ttl=64, mss=1400), ttl=64))), *pings()]
        assert inferred(tmp_path, frames).tunnel_mtu == 1440

    def test_a_pods_syn_implies_nothing(self, tmp_path: Path) -> None:
        assert inferred(tmp_path, [at(1, from_a(wrapped(syn(mss=1460)))), *pings()]).tunnel_mtu is None
