"""What Calico and kube-proxy set up on a node and for a pod: links, routes, kernel settings, rules."""

from __future__ import annotations

from pathlib import Path

from calico_lab.cluster import NIC, Cluster, Node, Pod, Service
from calico_lab.namespaces import add_namespaces, ip, run, sysctl
from calico_lab.underlay import NO_OFFLOAD

_RULES = Path("/tmp/rules")
_SETS = Path("/tmp/sets")


def build_node(cluster: Cluster, node: Node) -> None:
    """The node's address, default route, tunl0, blackhole routes of its blocks, and its rules. No route to others."""
    ip(
        node.name,
        [
            f"address add {node.address}/{node.subnet.network.prefixlen} dev {NIC}",
            f"link set {NIC} up",
            f"route add default via {node.subnet.gateway}",
            f"link set tunl0 mtu {cluster.tunnel_mtu} up",
            f"address add {node.tunnel_address}/32 dev tunl0",
            *(f"route add blackhole {block} proto bird" for block in node.blocks),
        ],
    )
    reverse_path = {f"ipv4/conf/{name}/rp_filter": 1 for name in ("all", "default", NIC, "tunl0")}
    sysctl(node.name, {"ipv4/ip_forward": 1, **reverse_path})
    if not cluster.offload:
        run(node.name, f"ethtool -K {NIC} {NO_OFFLOAD} gro off")
    _write_sets(cluster)
    _RULES.write_text(felix_filter(cluster, node) + felix_and_kube_proxy_nat(cluster))
    run(node.name, f"ipset restore < {_SETS} && iptables-legacy-restore < {_RULES}")


def add_pod(cluster: Cluster, pod: Pod) -> None:
    """The pod's namespace, its veth pair and the host's route to it, as Calico's CNI plugin sets them up."""
    add_namespaces([pod.netns])
    mtu = cluster.pod_mtu
    ip(
        pod.node,
        [
            f"link add {pod.interface} mtu {mtu} address ee:ee:ee:ee:ee:ee type veth "
            f"peer name eth0 mtu {mtu} netns {pod.netns}",
            f"link set {pod.interface} up",
            f"route add {pod.address} dev {pod.interface} scope link",
        ],
    )
    settings = {"proxy_arp": 1, "rp_filter": 1, "route_localnet": 1, "forwarding": 1}
    sysctl(pod.node, {f"ipv4/conf/{pod.interface}/{name}": value for name, value in settings.items()})
    sysctl(pod.node, {f"ipv4/neigh/{pod.interface}/proxy_delay": 0})
    ip(
        pod.netns,
        [
            "link set eth0 up",
            f"address add {pod.address}/32 dev eth0",
            "route add 169.254.1.1 dev eth0 scope link",
            "route add default via 169.254.1.1 dev eth0",
        ],
    )


def remove_pod(pod: Pod) -> None:
    """Undo ``add_pod``, as the CNI plugin does when a pod is deleted."""
    ip(pod.node, [f"link del {pod.interface}"])
    run(None, f"ip netns del {pod.netns}")


def _write_sets(cluster: Cluster) -> None:
    masqueraded = [f"add cali40masq-ipam-pools {cluster.pool}"] if cluster.nat_outgoing else []
    lines = [
        *(f"create cali40{name} hash:net" for name in ("all-hosts-net", "all-ipam-pools", "masq-ipam-pools")),
        *(f"add cali40all-hosts-net {node.address}" for node in cluster.nodes),
        f"add cali40all-ipam-pools {cluster.pool}",
        *masqueraded,
    ]
    _SETS.write_text("\n".join(lines) + "\n")


def felix_filter(cluster: Cluster, node: Node) -> str:
    """Felix's filter table in short: who may send protocol 4, and a chain a pod for packets to it and from it."""
    chains, rules = [], []
    for pod in cluster.pods_of(node):
        for kind, direction, dispatch in (("tw", "-o", "to"), ("fw", "-i", "from")):
            chain = f"cali-{kind}-{pod.interface}"
            chains.append(f":{chain} - [0:0]")
            rules += [
                f"-A cali-{dispatch}-wl-dispatch {direction} {pod.interface} -g {chain}",
                f"-A {chain} -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
                f"-A {chain} -m conntrack --ctstate INVALID -j DROP",
                f'-A {chain} -m comment --comment "Profile kns: allow" -j RETURN',
            ]
    lines = [
        "*filter",
        *(f":cali-{name} - [0:0]" for name in ("INPUT", "FORWARD", "from-wl-dispatch", "to-wl-dispatch")),
        *chains,
        "-A INPUT -j cali-INPUT",
        "-A FORWARD -j cali-FORWARD",
        '-A cali-INPUT -p 4 -m comment --comment "Allow IPIP packets from Calico hosts" '
        "-m set --match-set cali40all-hosts-net src -m addrtype --dst-type LOCAL -j ACCEPT",
        '-A cali-INPUT -p 4 -m comment --comment "Drop IPIP packets from non-Calico hosts" -j DROP',
        "-A cali-FORWARD -i cali+ -j cali-from-wl-dispatch",
        "-A cali-FORWARD -o cali+ -j cali-to-wl-dispatch",
        *rules,
        "COMMIT",
    ]
    return "\n".join(lines) + "\n"


def felix_and_kube_proxy_nat(cluster: Cluster) -> str:
    """The nat table: services to endpoints (kube-proxy in iptables mode), and what is masqueraded."""
    chains, rules = [], []
    for ordinal, service in enumerate(cluster.services):
        name = f"KUBE-SVC-{ordinal:02}{service.name.upper().replace('.', '').replace('-', '')[:12]}"
        chains.append(f":{name} - [0:0]")
        match = f"-d {service.address}/32 -p {service.protocol} --dport {service.port}"
        rules += [
            f"-A KUBE-SERVICES {match} -j {name}",
            f"-A {name} ! -s {cluster.pool} {match} -j KUBE-MARK-MASQ",
            *_endpoint_rules(service, name, chains),
        ]
    lines = [
        "*nat",
        *(f":{name} - [0:0]" for name in ("cali-POSTROUTING", "cali-nat-outgoing")),
        *(f":KUBE-{name} - [0:0]" for name in ("SERVICES", "POSTROUTING", "MARK-MASQ")),
        *chains,
        "-A PREROUTING -j KUBE-SERVICES",
        "-A OUTPUT -j KUBE-SERVICES",
        "-A POSTROUTING -j cali-POSTROUTING",
        "-A POSTROUTING -j KUBE-POSTROUTING",
        "-A cali-POSTROUTING -j cali-nat-outgoing",
        "-A cali-nat-outgoing -m set --match-set cali40masq-ipam-pools src "
        "-m set ! --match-set cali40all-ipam-pools dst -j MASQUERADE --random-fully",
        "-A cali-POSTROUTING -o tunl0 -m addrtype ! --src-type LOCAL --limit-iface-out "
        "-m addrtype --src-type LOCAL -j MASQUERADE --random-fully",
        "-A KUBE-MARK-MASQ -j MARK --set-xmark 0x4000/0x4000",
        "-A KUBE-POSTROUTING -m mark ! --mark 0x4000/0x4000 -j RETURN",
        "-A KUBE-POSTROUTING -j MASQUERADE --random-fully",
        *rules,
        "COMMIT",
    ]
    return "\n".join(lines) + "\n"


def _endpoint_rules(service: Service, chain: str, chains: list[str]) -> list[str]:
    rules = []
    for position, (address, port) in enumerate(service.endpoints):
        endpoint = f"KUBE-SEP-{chain[9:]}{position}"
        chains.append(f":{endpoint} - [0:0]")
        left = len(service.endpoints) - position
        chance = f"-m statistic --mode random --probability {1 / left:.5f} " if left > 1 else ""
        rules += [
            f"-A {chain} {chance}-j {endpoint}",
            f"-A {endpoint} -s {address}/32 -j KUBE-MARK-MASQ",
            f"-A {endpoint} -p {service.protocol} -j DNAT --to-destination {address}:{port}",
        ]
    return rules
