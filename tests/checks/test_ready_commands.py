"""Commands that findings give: nothing is left to fill in, and what is known is used."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import replace

import pytest

from ipipdiag.checks.model import Component
from ipipdiag.checks.ready_commands import Known
from ipipdiag.cluster.model import Cluster
from ipipdiag.points.commands import ANY_CALI, IN_POD, capture_command
from ipipdiag.points.model import Role
from ipipdiag.report.model import Report
from ipipdiag.run import RunOptions, TraceOptions, trace
from tests.builders.packets import ip_number
from tests.scenarios import FAULTY, HEALTHY, captures, report_on, report_with_cluster

POD, NODE = ip_number("172.20.9.7"), ip_number("192.0.2.12")
LOOKED_UP = "$(ip route get 172.20.9.7 | grep -o 'cali[0-9a-f]*')"
LEFT_OPEN = ("XXX", "POD_", "CALICO_NODE", "pod POD", "…", "<")
READS = f"cat /proc/sys/net/ipv4/conf/{ANY_CALI}/proxy_arp"


def ready(command: str, cluster: Cluster, pod: int | None = POD, node: int | None = NODE) -> str:
    return Known((), cluster).ready(command, pod, node)


def test_interface_of_a_pod_is_looked_up_where_nothing_tells_it() -> None:
    assert ready(capture_command(Role.CALI), Cluster()).split(" -s ")[0] == f"timeout 30 tcpdump -ni {LOOKED_UP}"


def test_interface_that_files_tell_is_named() -> None:
    told = Cluster(pod_interfaces={"cali0123456789a": POD})
    assert ready(READS, told) == "cat /proc/sys/net/ipv4/conf/cali0123456789a/proxy_arp"


def test_interface_follows_from_the_pods_name_by_calicos_rule() -> None:
    """printf db.store-0 | sha1sum | cut -c1-11"""
    assert "caliceeabab0ed9" in ready(READS, Cluster(pod_names={POD: "db/store-0"}))


@pytest.mark.parametrize("name", ["db/$(reboot)", "db/a'b", "a/b/c", "nameless"])
def test_names_that_kubernetes_would_not_allow_are_not_used(name: str) -> None:
    cluster = Cluster(pod_names={POD: name}, pod_interfaces={"cali;reboot": POD})
    for command in (READS, f"{IN_POD} ss -ltn", Component.POD.log or ""):
        assert "172.20.9.7" in ready(command, cluster)
        assert not any(word in ready(command, cluster) for word in ("reboot", "a'b", "nameless"))


def test_without_a_pod_all_interfaces_are_captured() -> None:
    assert " -ni any -y LINUX_SLL2 " in ready(capture_command(Role.CALI), Cluster(), pod=None)


def test_namespace_of_a_pod_is_found_by_its_interface_or_its_sandbox() -> None:
    command = ready(f"{IN_POD} ss -ltn", Cluster())
    assert command.startswith("nsenter --net=/run/netns/$(ip -o link show $(ip route get 172.20.9.7")
    assert "crictl pods -q --state ready --namespace '^db$' --name '^store-0$'" in ready(
        f"{IN_POD} ss -ltn", Cluster(pod_names={POD: "db/store-0"})
    )


def test_calico_node_is_found_by_the_nodes_address() -> None:
    log = Component.BIRD.log or ""
    assert "--field-selector status.podIP=192.0.2.12 -o name) -c calico-node -- birdcl" in ready(log, Cluster())
    assert "-o name | head -n 1)" in ready(log, Cluster(), node=None)


def test_interface_in_the_name_of_a_capture_is_used() -> None:
    """Of a capture that shows this pod's link; a file that is called so and shows another's does not tell it."""
    (finding,) = [entry.finding for entry in report_on(*captures("14")).findings if entry.finding.code == "IPD1001"]
    assert any("/cali817517c44ab/" in command for command in finding.confirm)


@pytest.mark.parametrize("report", [report_on, report_with_cluster], ids=["alone", "with cluster files"])
@pytest.mark.parametrize("number", (*HEALTHY, *FAULTY))
def test_what_would_confirm_a_finding_can_be_pasted(number: str, report: Callable[..., Report]) -> None:
    for entry in report(*captures(number)).findings:
        for command in entry.finding.confirm:
            assert not [word for word in LEFT_OPEN if word in command], command


@pytest.mark.parametrize("number", ["01", "17", "50"])
def test_captures_that_a_trace_asks_for_can_be_pasted(number: str) -> None:
    report = trace(RunOptions(tuple(str(path) for path in captures(number)[:2])), TraceOptions())
    commands = [route.enable for route in report.routes if route.enable]
    assert commands
    assert not [command for command in commands for word in LEFT_OPEN if word in command]


@pytest.mark.parametrize("component", [component for component in Component if component.log])
@pytest.mark.parametrize("cluster", [Cluster(), Cluster(pod_names={POD: "db/store-0"})], ids=["packets", "files"])
def test_logs_are_shell(component: Component, cluster: Cluster) -> None:
    for pod, node in ((POD, NODE), (None, None)):
        command = ready(component.log or "", replace(cluster), pod, node)
        assert not [word for word in LEFT_OPEN if word in command], command
        subprocess.run(["bash", "-n", "-c", command], check=True)
