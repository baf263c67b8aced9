"""Commands that can be run as they stand: what checks leave open in them is filled in from what the run knows.

Where a name is not known a command finds it itself: the interface of a pod by the route to its address, the network
namespace by the interface's other end, the pod of calico-node by its node's address.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from ipaddress import IPv4Address
from pathlib import PurePath
from typing import TYPE_CHECKING

from ipipdiag.addresses import format_address
from ipipdiag.cluster.capture_plan import cali_name
from ipipdiag.points.commands import ANY_CALI, ANY_POD, IN_POD

if TYPE_CHECKING:
    from ipipdiag.checks.model import Finding
    from ipipdiag.cluster.model import Cluster
    from ipipdiag.points.model import Point

OPEN_CALICO_NODE, OPEN_POD = "CALICO_NODE_POD", "kubectl describe pod POD ; kubectl logs POD --tail=100"
ANY_INTERFACE = "tcpdump -ni any -y LINUX_SLL2"  # each record with its own interface (Linux cooked v2)
_CALI = re.compile(r"(?<![A-Za-z0-9])cali[0-9a-f]{11}(?![A-Za-z0-9])")
_KUBERNETES_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?")
_CALICO_NODE_PODS = "kubectl get pods -n calico-system -l k8s-app=calico-node"


@dataclass(frozen=True, slots=True)
class Known:
    """What commands can be filled in from."""

    points: Sequence[Point]
    cluster: Cluster

    def ready(self, command: str, pod: int | None, node: int | None = None) -> str:
        """A command with nothing left open, for a pod and a node as far as they are known."""
        if IN_POD in command:
            command = command.replace(IN_POD, self._entering(pod))
        command = command.replace(OPEN_POD, self._about(pod))
        if pod is None:
            command = command.replace(f"tcpdump -ni {ANY_CALI}", ANY_INTERFACE)
        else:
            command = command.replace(ANY_POD, format_address(pod))
        command = command.replace(ANY_CALI, self._interface(pod))
        return command.replace(OPEN_CALICO_NODE, self._calico_node(node))

    def made_ready(self, finding: Finding) -> Finding:
        """A finding with its commands filled in: about the last pod of its subject, and its first node."""
        addresses = [int(IPv4Address(address)) for address in finding.subject.addresses]
        pods = [address for address in addresses if self.cluster.is_pod(address)]
        nodes = [int(IPv4Address(address)) for address in finding.subject.nodes if address.count(".") == 3]
        pod, node = next(reversed(pods), None), next(iter(nodes), None)
        confirm, fix = (
            tuple(self.ready(text, pod, node) for text in texts) for texts in (finding.confirm, finding.fix)
        )
        return replace(finding, confirm=confirm, fix=fix)

    def _name(self, pod: int | None) -> tuple[str, str] | None:
        """Namespace and name of a pod, where they are what Kubernetes allows."""
        names = self.cluster.pod_names.get(-1 if pod is None else pod, "").split("/")
        if len(names) == 2 and all(_KUBERNETES_NAME.fullmatch(name) for name in names):
            return names[0], names[1]
        return None

    def _interface(self, pod: int | None) -> str:
        """The host side of a pod's link: as captured or told, by Calico's rule from the pod's name, or how to find
        it.
        """
        if pod is None:
            return "cali*"
        for point in self.points:
            if pod in point.pods and point.is_pod_link:
                words = f"{point.interface_name or ''} {PurePath(point.input_name).name}"
                if found := _CALI.search(words):
                    return found.group()
        told = next((device for device, address in self.cluster.pod_interfaces.items() if address == pod), None)
        if told is not None and _CALI.fullmatch(told):
            return told
        if name := self._name(pod):
            return cali_name("/".join(name))
        return f"$(ip route get {format_address(pod)} | grep -o 'cali[0-9a-f]*')"

    def _entering(self, pod: int | None) -> str:
        """What runs a command inside the network namespace of a pod."""
        if name := self._name(pod):
            find = f"crictl pods -q --state ready --namespace '^{name[0]}$' --name '^{name[1]}$'"
            return f"nsenter -t $(crictl inspectp -o go-template --template '{{{{.info.pid}}}}' $({find})) -n"
        link = f"ip -o link show {self._interface(pod)} | grep -o 'link-netns.*' | cut -d' ' -f2"
        return f"nsenter --net=/run/netns/$({link})"

    def _about(self, pod: int | None) -> str:
        if name := self._name(pod):
            return "kubectl describe pod -n {0} {1} ; kubectl logs -n {0} {1} --tail=100".format(*name)
        which = "" if pod is None else f" --field-selector status.podIP={format_address(pod)}"
        return f"kubectl get pods -A -o wide{which}  # then: kubectl describe, kubectl logs"

    def _calico_node(self, node: int | None) -> str:
        """The pod of calico-node on a node: it has the node's own address."""
        if node is None:
            return f"$({_CALICO_NODE_PODS} -o name | head -n 1)"
        return f"$({_CALICO_NODE_PODS} --field-selector status.podIP={format_address(node)} -o name)"
