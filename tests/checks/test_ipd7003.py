"""IPD7003 ServicePingUnanswered."""

from __future__ import annotations

from ipipdiag.checks.model import Reason, Severity, Status
from tests.checks.service_world import (
    FILES,
    SERVICE,
    ask,
    asked_through_tunnel,
    link,
    ping,
    told,
    told_through_tunnel,
    tunnel,
)
from tests.checks.world import POD_B, Examination, Timed, bgp

WORKS = [ask(1), told(1.001)]


def pinged(*, answered: bool = False, service: str = SERVICE) -> list[Timed]:
    return [frame for n in range(1, 5) for frame in ping(2 + n, n, answered=answered, service=service)]


def test_answered_ping_passes(examine: Examination) -> None:
    assert examine(link(*WORKS, *pinged(answered=True)), files=FILES).status is Status.PASS


def test_silent_pod_is_no_service(examine: Examination) -> None:
    answer = examine(link(*WORKS, *pinged(service=POD_B)), files=FILES, pods=["172.20.0.0/16"])
    assert answer.status is Status.NOT_APPLICABLE


def test_two_pings_or_a_capture_that_ends_say_nothing(examine: Examination) -> None:
    assert examine(link(*WORKS, *ping(2, 1), *ping(3, 2)), files=FILES).reason is Reason.TOO_FEW_PACKETS
    assert examine(link(*WORKS, *pinged(), until=6.2), files=FILES).reason is Reason.TOO_SHORT


def test_unanswered_ping_is_normal_in_iptables_mode(examine: Examination) -> None:
    finding = examine(link(*WORKS, *pinged()), files=FILES).finding
    assert finding.severity is Severity.NOTICE
    assert "as is normal where kube-proxy looks like iptables mode" in finding.title
    assert "UDP/53 of the same address answered" in finding.observed


def test_service_known_from_its_translation_alone(examine: Examination) -> None:
    nic = tunnel(asked_through_tunnel(1.0001), told_through_tunnel(1.0008))
    finding = examine(link(*WORKS, *pinged()), nic).finding
    assert f"service address {SERVICE}" in finding.title


def test_mode_of_the_files_is_named(examine: Examination) -> None:
    config = (
        "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: kube-proxy, namespace: kube-system}\n"
        'data:\n  config.conf: |\n    kind: KubeProxyConfiguration\n    mode: "ipvs"\n'
    )
    finding = examine(link(*WORKS, *pinged()), files=FILES | {"cluster/proxy.yaml": config}).finding
    assert "though kube-proxy runs in ipvs mode" in finding.title
    assert "ConfigMap kube-proxy" in finding.expected


def test_service_that_answers_ping_shows_ipvs_mode(examine: Examination) -> None:
    other = [frame for n in range(1, 5) for frame in ping(8 + n, n + 20, answered=True, service="10.99.0.77")]
    more = {"cluster/range.yaml": RANGE}
    finding = examine(link(*WORKS, *pinged(), *other), files=FILES | more).finding
    assert "though kube-proxy runs in ipvs mode" in finding.title
    assert "10.99.0.77 answers ping with TTL 64" in finding.expected


RANGE = (
    "---\napiVersion: v1\nkind: Pod\nmetadata: {name: kube-apiserver-m, namespace: kube-system}\n"
    "spec: {hostNetwork: true, containers: [{command: [kube-apiserver, --service-cluster-ip-range=10.99.0.0/16]}]}\n"
)


def test_address_of_the_service_range_is_a_service(examine: Examination) -> None:
    assert examine(link(*WORKS, *pinged()), files={"cluster/range.yaml": RANGE}).finding.severity is Severity.NOTICE


def test_without_services_nothing_is_said(examine: Examination) -> None:
    answer = examine(link(*WORKS, *pinged()))
    assert (answer.status, answer.reason) == (Status.NOT_CHECKED, Reason.NO_CONFIG)
    assert "kubectl get services" in (answer.enable or "")


def test_capture_of_one_direction_says_nothing(examine: Examination) -> None:
    assert examine(link(*pinged()), files=FILES).reason is Reason.ONE_DIRECTION


def test_node_nic_cannot_show_it(examine: Examination) -> None:
    assert examine(bgp(), files=FILES).reason is Reason.WRONG_POINT
