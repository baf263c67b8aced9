"""Services that packets imply: only where a request goes on to another address, or another address answers it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ipipdiag.addresses import format_address
from ipipdiag.capture import Limits
from ipipdiag.cluster.infer import build_cluster
from ipipdiag.cluster.model import Cluster
from ipipdiag.points.placement import place_points
from ipipdiag.run import read_captures
from tests.builders.captures import pcap
from tests.builders.packets import ethernet, ipv4, udp
from tests.checks.service_world import (
    BACKEND,
    SERVICE,
    ask,
    asked_through_tunnel,
    link,
    ping,
    told,
    told_through_tunnel,
    tunnel,
)
from tests.checks.world import MAC_NODE_A, MAC_ROUTER, NODE_A, POD_B, Timed, at, bgp


def known(folder: Path, *captures: Sequence[Timed]) -> Cluster:
    paths = []
    for number, frames in enumerate(captures):
        paths.append(folder / f"x{number}")
        paths[-1].write_bytes(pcap(sorted(frames), nano=True))
    read, errors = read_captures([str(path) for path in paths], Limits())
    assert not errors
    return build_cluster(place_points(read, (), {}), Cluster())


def test_pod_that_is_asked_under_its_own_address_is_no_service(tmp_path: Path) -> None:
    at_link = link(ask(1, server=BACKEND), told(1.001, server=BACKEND))
    nic = [*bgp(), *tunnel(asked_through_tunnel(1.0001), told_through_tunnel(1.0008))]
    assert not known(tmp_path, at_link, nic).services


def test_request_that_is_not_seen_further_on_tells_nothing(tmp_path: Path) -> None:
    assert not known(tmp_path, link(ask(1), told(1.001)), [*bgp(), *tunnel()]).services


def test_same_port_at_another_time_is_another_conversation(tmp_path: Path) -> None:
    nic = [*bgp(), *tunnel(asked_through_tunnel(9), told_through_tunnel(9.001))]
    assert not known(tmp_path, link(ask(1), told(1.001)), nic).services


def test_masqueraded_source_is_no_service(tmp_path: Path) -> None:
    masqueraded = at(1.0001, ethernet(ipv4(udp(b"", 41000, 53), NODE_A, SERVICE, ttl=63), MAC_NODE_A, MAC_ROUTER))
    assert not known(tmp_path, link(ask(1), told(1.001)), [*bgp(), *tunnel(masqueraded)]).services


def test_request_that_goes_on_to_another_address(tmp_path: Path) -> None:
    nic = [*bgp(), *tunnel(asked_through_tunnel(1.0001), told_through_tunnel(1.0008))]
    cluster = known(tmp_path, link(ask(1), told(1.001)), nic)
    ((address, service),) = cluster.services.items()
    assert (format_address(address), service.name) == (SERVICE, "")
    assert service.ports == {(17, 53)}
    assert [format_address(endpoint) for endpoint in service.endpoints] == [BACKEND]
    assert service.source.startswith("inferred: ")
    assert not cluster.is_pod(address)
    assert cluster.name_of(address) is None
    assert cluster.kube_proxy_mode is None


def test_answer_from_another_address(tmp_path: Path) -> None:
    (service,) = known(tmp_path, link(ask(1), told(1.001, server=POD_B))).services.values()
    assert service.source == f"inferred: 172.20.1.5 asked {SERVICE}, and {POD_B} answered"


def test_ping_that_the_node_itself_answers_shows_ipvs(tmp_path: Path) -> None:
    nic = [*bgp(), *tunnel(asked_through_tunnel(1.0001), told_through_tunnel(1.0008))]
    seen = known(tmp_path, link(ask(1), told(1.001), *ping(3, 1, answered=True)), nic)
    assert seen.kube_proxy_mode == "ipvs"
    forwarded = known(tmp_path, link(ask(1), told(1.001), *ping(3, 1, answered=True, ttl=62)), nic)
    assert forwarded.kube_proxy_mode is None
