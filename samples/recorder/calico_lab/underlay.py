"""The node network: a bridge a subnet, a router between them and to the outside world."""

from __future__ import annotations

from calico_lab.cluster import FABRIC, NIC, OUTSIDE, OUTSIDE_DNS, OUTSIDE_NETWORK, OUTSIDE_WEB, ROUTER, SUBNETS, Cluster
from calico_lab.namespaces import add_namespaces, ip, run, sysctl

NO_OFFLOAD = "tx off tso off gso off"


def build_underlay(cluster: Cluster) -> None:
    """Namespaces of the nodes, the fabric, the router and the outside, joined by veth pairs; no addresses of nodes."""
    add_namespaces([FABRIC, ROUTER, OUTSIDE, *(node.name for node in cluster.nodes)])
    sysctl(FABRIC, {"ipv6/conf/all/disable_ipv6": 1, "ipv6/conf/default/disable_ipv6": 1})
    mtu = cluster.nic_mtu
    ip(FABRIC, [f"link add br-{subnet.name} mtu {mtu} type bridge forward_delay 0" for subnet in SUBNETS])
    ip(None, [_cable(node.name, NIC, node.mac, node.port, mtu) for node in cluster.nodes])
    ip(None, [_cable(ROUTER, subnet.name, subnet.router_mac, f"p-{subnet.name}", mtu) for subnet in SUBNETS])
    ports = {node.port: node.subnet for node in cluster.nodes} | {f"p-{subnet.name}": subnet for subnet in SUBNETS}
    ip(FABRIC, [f"link set {port} master br-{subnet.name} up" for port, subnet in ports.items()])
    ip(FABRIC, [f"link set br-{subnet.name} up" for subnet in SUBNETS])
    run(FABRIC, "; ".join(f"ethtool -K {port} {NO_OFFLOAD}" for port in ports))
    _build_router()


def _cable(namespace: str, interface: str, mac: str, port: str, mtu: int) -> str:
    return (
        f"link add {interface} netns {namespace} mtu {mtu} address {mac} type veth "
        f"peer name {port} netns {FABRIC} mtu {mtu}"
    )


def _build_router() -> None:
    ip(None, [f"link add wan netns {ROUTER} type veth peer name wan netns {OUTSIDE}"])
    for subnet in SUBNETS:
        ip(ROUTER, [f"address add {subnet.gateway}/24 dev {subnet.name}", f"link set {subnet.name} up"])
    ip(
        ROUTER,
        [
            f"address add {OUTSIDE_NETWORK[1]}/24 dev wan",
            "link set wan up",
            "route add blackhole default",  # pod addresses are unknown to it, and nobody is told
        ],
    )
    run(ROUTER, "; ".join(f"ethtool -K {name} {NO_OFFLOAD}" for name in ("wan", *(net.name for net in SUBNETS))))
    sysctl(ROUTER, {"ipv4/ip_forward": 1})
    addresses = [f"address add {address}/24 dev wan" for address in (OUTSIDE_WEB, OUTSIDE_DNS)]
    ip(OUTSIDE, [*addresses, "link set wan up", f"route add default via {OUTSIDE_NETWORK[1]}"])
