"""Cluster files of the test cluster: nodes alpha and beta, a pool, the two blocks, and texts of the nodes."""

from __future__ import annotations

from tests.checks.world import BLOCK_A, BLOCK_B, NODE_A, NODE_B, ROUTER, TUNNEL_A

TUNNEL_B = "172.20.9.1"


def thing(kind: str, name: str, spec: str, api: str = "crd.projectcalico.org/v1") -> str:
    """One object as YAML; ``spec`` in flow style."""
    return f"---\napiVersion: {api}\nkind: {kind}\nmetadata: {{name: {name}}}\nspec: {spec}\n"


def node(name: str, address: str, tunnel: str) -> str:
    """Calico's own Node."""
    spec = f"{{bgp: {{ipv4Address: {address}/24, ipv4IPIPTunnelAddr: {tunnel}}}}}"
    return thing("Node", name, spec, "projectcalico.org/v3")


def pod(name: str, on: str, address: str) -> str:
    """A running pod."""
    return thing("Pod", name, f"{{nodeName: {on}}}", "v1") + f"status: {{phase: Running, podIP: {address}}}\n"


NODES = node("alpha", NODE_A, TUNNEL_A) + node("beta", NODE_B, TUNNEL_B)
BLOCKS = thing("BlockAffinity", "a", f"{{cidr: {BLOCK_A}, node: alpha, state: confirmed}}") + thing(
    "BlockAffinity", "b", f"{{cidr: {BLOCK_B}, node: beta, state: confirmed}}"
)


def pool(mode: str = "Always", cidr: str = "172.20.0.0/16", vxlan: str = "Never", name: str = "main") -> str:
    """An IPPool."""
    return thing("IPPool", name, f"{{cidr: {cidr}, ipipMode: {mode}, vxlanMode: {vxlan}}}")


def routes(to_b: str | None = f"via {NODE_B} dev tunl0 proto bird onlink") -> str:
    """``ip route`` of node alpha, with its route for the block of beta."""
    lines = [f"default via {ROUTER} dev eth0", "192.0.2.0/24 dev eth0 proto kernel scope link", f"blackhole {BLOCK_A}"]
    return "\n".join([*lines, *([f"{BLOCK_B} {to_b}"] if to_b else [])]) + "\n"


def addresses(nic: str = NODE_A, tunnel: str = TUNNEL_A) -> str:
    """``ip -br addr`` of node alpha."""
    return f"lo UNKNOWN 127.0.0.1/8\neth0@if3 UP {nic}/24\ntunl0@NONE UNKNOWN {tunnel}/32\n"


def links(flags: str = "NOARP,UP,LOWER_UP", mtu: int = 1480, ttl: str = "inherit", nic: int = 1500) -> str:
    """``ip -d link`` of node alpha."""
    return (
        f"2: eth0@if3: <BROADCAST,UP> mtu {nic} qdisc mq state UP\n"
        f"3: tunl0@NONE: <{flags}> mtu {mtu} qdisc noqueue state UNKNOWN\n"
        f"    ipip any remote any local any ttl {ttl} nopmtudisc\n"
    )


def collected(
    objects: str | None = None,
    *,
    alpha_routes: str | None = None,
    alpha_addresses: str | None = None,
    alpha_links: str | None = None,
    more: dict[str, str] | None = None,
) -> dict[str, str]:
    """The files of a cluster in which nothing is wrong, but for what is given instead."""
    return {
        "cluster/objects.yaml": NODES + BLOCKS + pool() if objects is None else objects,
        "nodes/alpha/ip-route.txt": routes() if alpha_routes is None else alpha_routes,
        "nodes/alpha/ip-addr.txt": addresses() if alpha_addresses is None else alpha_addresses,
        "nodes/alpha/ip-link.txt": links() if alpha_links is None else alpha_links,
    } | (more or {})
