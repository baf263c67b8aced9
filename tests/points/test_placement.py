"""Where a capture was taken: by the user's word, by what it shows, by names, in that order."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from ipipdiag.points.model import PointOption, Role
from ipipdiag.report.model import PointReport
from ipipdiag.run import RunOptions, analyze
from tests.builders.captures import ETHERNET, RAW, SLL, SLL2, CaptureInterface, pcap, pcapng
from tests.builders.packets import arp, ethernet, sll, sll2
from tests.checks.world import (
    GATEWAY,
    HOST_MAC,
    MAC_NODE_A,
    MAC_ROUTER,
    NODE_A,
    NODE_B,
    POD_A,
    POD_MAC,
    ROUTER,
    Timed,
    at,
    bgp,
    from_pod,
    gateway_arp,
    pings,
    request,
    to_pod,
    wrapped,
)

THIRD = [
    at(n, ethernet(request(n, NODE_A, ROUTER, ttl=64), source=MAC_NODE_A, destination=MAC_ROUTER)) for n in range(5)
]


def place(
    folder: Path, frames: Sequence[Timed], name: str = "x", link_type: int = ETHERNET, option: PointOption | None = None
) -> PointReport:
    path = folder / name
    path.write_bytes(pcap(sorted(frames), link_type=link_type, nano=True))
    (point,) = analyze(RunOptions((str(path),), points=(option,) if option else ())).points
    return point


def test_outer_headers_make_a_node_and_its_bgp_address_names_it(tmp_path: Path) -> None:
    point = place(tmp_path, [*bgp(), *pings(), *THIRD])
    assert (point.role, point.node, point.source) == ("node", NODE_A, "inferred")


def test_lowered_outer_ttl_makes_a_router(tmp_path: Path) -> None:
    def sent_on(number: int) -> bytes:
        packet = wrapped(request(number), destination=f"198.51.100.{number}", ttl=62)
        return ethernet(packet, source=MAC_ROUTER, destination=f"02:00:00:00:01:{number:02x}")

    point = place(tmp_path, [at(number, sent_on(number)) for number in range(1, 5)])
    assert (point.role, point.node) == ("fabric", None)


@pytest.mark.parametrize(
    ("name", "role"), [("rtr-eth0", "fabric"), ("span", "fabric"), ("node-a", "node"), ("x", "node")]
)
def test_names_tell_apart_what_content_cannot(name: str, role: str, tmp_path: Path) -> None:
    assert place(tmp_path, pings(), name).role == role


@pytest.mark.parametrize(("name", "role"), [("x", "pod"), ("cali0123456789a.pcap", "cali"), ("pod-web.pcap", "pod")])
def test_gateway_arp_makes_a_pod_link(name: str, role: str, tmp_path: Path) -> None:
    point = place(tmp_path, gateway_arp(), name)
    assert (point.role, point.pod, point.node) == (role, POD_A, None)


def test_host_side_names_the_node_by_its_own_arp(tmp_path: Path) -> None:
    asks = to_pod(arp(1, HOST_MAC, NODE_A, 0, POD_A))
    assert place(tmp_path, [*gateway_arp(), at(2, asks)]).node == NODE_A


def test_tunnel_address_does_not_name_the_node(tmp_path: Path) -> None:
    asks = to_pod(arp(1, HOST_MAC, "172.20.1.1", 0, POD_A))
    assert place(tmp_path, [*gateway_arp(), at(2, asks)]).node is None


def test_link_without_headers_is_tunl0(tmp_path: Path) -> None:
    assert place(tmp_path, [at(1, request())], link_type=RAW).role == "tunl0"


def test_cooked_records_without_interface_are_any(tmp_path: Path) -> None:
    assert place(tmp_path, [at(1, sll(request()))], link_type=SLL).role == "any"


def test_cooked_records_with_interface_are_a_point_each(tmp_path: Path) -> None:
    asks = arp(1, POD_MAC, POD_A, 0, GATEWAY)
    answers = arp(2, HOST_MAC, GATEWAY, POD_MAC, POD_A)
    frames = [
        at(1, sll2(asks, source=POD_MAC, packet_type=1, interface_index=7)),
        at(1.001, sll2(answers, source=HOST_MAC, packet_type=4, interface_index=7)),
        at(2, sll2(wrapped(request()), source=MAC_NODE_A, packet_type=4, interface_index=2)),
        at(2, sll2(request(), packet_type=4, interface_index=3, hardware_type=768, address_length=0)),
    ]
    path = tmp_path / "x"
    path.write_bytes(pcap(frames, link_type=SLL2, nano=True))
    points = {point.interface_index: point.role for point in analyze(RunOptions((str(path),))).points}
    assert points == {7: "cali", 2: "node", 3: "tunl0"}


def test_interface_names_of_pcapng(tmp_path: Path) -> None:
    interfaces = [
        CaptureInterface(ETHERNET, "cali0123456789a"),
        CaptureInterface(RAW, "tunl0"),
        CaptureInterface(RAW, "wg0"),
    ]
    frames = [(time, frame, len(frame), 0) for time, frame in gateway_arp()]
    frames += [(time, request(), len(request()), number) for number in (1, 2) for time, _ in [at(3, b"")]]
    path = tmp_path / "x"
    path.write_bytes(pcapng(frames, interfaces))
    assert [point.role for point in analyze(RunOptions((str(path),))).points] == ["cali", "tunl0", "unknown"]


def test_word_of_the_user_rules_and_a_contradiction_is_said(tmp_path: Path) -> None:
    option = PointOption(str(tmp_path / "x"), Role.TUNL0, "node-7")
    point = place(tmp_path, gateway_arp(), option=option)
    assert (point.role, point.node, point.source) == ("tunl0", "node-7", "user")
    assert "169.254.1.1" in point.reason


def test_content_outranks_the_file_name(tmp_path: Path) -> None:
    assert place(tmp_path, [*gateway_arp(), at(1, from_pod(request(ttl=64)))], "tunl0.pcap").role == "pod"


def test_peer_is_not_taken_for_the_capturing_node(tmp_path: Path) -> None:
    """Two machines share all frames: which of them was captured does not show, so neither is named."""
    assert place(tmp_path, pings()).node in (None, NODE_A, NODE_B)
    assert place(tmp_path, [*bgp(), *pings()]).node is None


ENDPOINT = f"""
apiVersion: projectcalico.org/v3
kind: WorkloadEndpoint
metadata: {{name: web, namespace: default}}
spec: {{pod: web, node: alpha, interfaceName: net7a1b2, ipNetworks: [{POD_A}/32]}}
"""


@pytest.mark.parametrize("name", ["alpha-net7a1b2.pcap", "net7a1b2.pcap"])
def test_the_interface_that_a_workload_endpoint_names_places_a_quiet_capture(tmp_path: Path, name: str) -> None:
    (tmp_path / "endpoints.yaml").write_text(ENDPOINT)
    path = tmp_path / name
    path.write_bytes(pcap([], nano=True))
    files = (str(tmp_path / "endpoints.yaml"),)
    (told,) = analyze(RunOptions((str(path),), cluster_files=files)).points
    (untold,) = analyze(RunOptions((str(path),))).points
    assert (told.role, told.pod) == ("cali", "default/web")
    assert (untold.role, untold.pod) == ("unknown", None)


def test_what_packets_show_outranks_the_name(tmp_path: Path) -> None:
    (tmp_path / "endpoints.yaml").write_text(ENDPOINT)
    path = tmp_path / "net7a1b2.pcap"
    path.write_bytes(pcap(sorted([*bgp(), *pings(), *THIRD]), nano=True))
    (point,) = analyze(RunOptions((str(path),), cluster_files=(str(tmp_path / "endpoints.yaml"),))).points
    assert point.role == "node"
