"""What a recording is, for programs (truth.json) and for people (README.md); the page is made from the file alone."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping
from typing import Any

from calico_lab.lab import Proof
from calico_lab.scenario import Scenario

WIDTH = 110

HOW = (
    "One recording, of nodes, pods, switches, router and outside world as network namespaces joined by veth pairs; "
    "all points share one clock. The kernel's ipip, proxy ARP, reverse path filter, netfilter and fragmentation are "
    "real, and so is BIRD; its best routes are copied to the kernel, which Debian's BIRD cannot do for tunl0. The "
    "rules of Felix and kube-proxy are short imitations. BGP timers are shortened."
)


def describe(
    scenario: Scenario, *, recorded_with: str, captures: Mapping[str, Mapping[str, str]], proofs: Iterable[Proof]
) -> dict[str, Any]:
    """The content of truth.json."""
    cluster = scenario.cluster
    broken_at = {"node": scenario.broken_node, "link": scenario.broken_link} if scenario.broken_node else None
    return {
        "scenario": scenario.name,
        "recorded_with": recorded_with,
        "healthy": scenario.healthy,
        "broken": scenario.broken,
        "broken_at": broken_at,
        "expected_diagnosis": scenario.shows,
        "ips": dict(scenario.addresses),
        "ipip_mode": cluster.mode,
        "pool": str(cluster.pool),
        "block_size": cluster.block_size,
        "nat_outgoing": cluster.nat_outgoing,
        "mtu": {"nic": cluster.nic_mtu, "tunl0": cluster.tunnel_mtu, "pod": cluster.pod_mtu},
        "nodes": {
            node.name: {
                "id": node.name,
                "ip": str(node.address),
                "block": str(node.blocks[0]),
                "blocks": [str(block) for block in node.blocks],
                "tunnel_address": str(node.tunnel_address),
                "nic_mac": node.mac,
            }
            for node in cluster.nodes
        },
        "pods": {
            pod.name: {"id": pod.label, "node": pod.node, "ip": str(pod.address), "cali": pod.interface}
            for pod in cluster.pods
        },
        "services": {
            service.name: {
                "address": f"{service.address}:{service.port}/{service.protocol}",
                "endpoints": [f"{address}:{port}" for address, port in service.endpoints],
            }
            for service in cluster.services
        },
        "captures": captures,
        "proof": [{"what": proof.what, "measured": proof.measured} for proof in proofs],
        "accept": list(scenario.accept),
    }


def write_page(truth: Mapping[str, Any]) -> str:
    """README.md of a scenario, from its truth.json."""
    parts = [f"# {truth['scenario']}", "## What it shows", _sentence(truth["expected_diagnosis"])]
    if truth["broken"]:
        at = truth["broken_at"]
        link = f", {at['link']}" if at["link"] else ""
        parts += ["## What was broken", _sentence(truth["broken"]), f"Where: node {at['node']}{link}."]
    mtu = truth["mtu"]
    settings = (
        f"ipipMode: {truth['ipip_mode']}. Pool {truth['pool']}, blocks of /{truth['block_size']}, natOutgoing "
        f"{str(truth['nat_outgoing']).lower()}. MTU: NIC {mtu['nic']}, tunl0 {mtu['tunl0']}, pod {mtu['pod']}."
    )
    nodes = [
        (name, node["ip"], ", ".join(node["blocks"]), node["tunnel_address"]) for name, node in truth["nodes"].items()
    ]
    pods = [(name, pod["node"], pod["ip"], pod["cali"]) for name, pod in truth["pods"].items()]
    services = [
        (name, service["address"], ", ".join(service["endpoints"])) for name, service in truth["services"].items()
    ]
    captures = [
        (name, entry["point"], entry["tool_says"].split()[0]) for name, entry in sorted(truth["captures"].items())
    ]
    parts += [
        "## How it was recorded",
        _wrap(f"{truth['recorded_with']}. {HOW} {settings}"),
        _table(("node", "address", "blocks", "tunl0"), nodes),
        _table(("pod", "node", "address", "interface"), pods),
        _table(("service", "address", "endpoints"), services),
    ]
    if truth["proof"]:
        proofs = [(entry["what"], str(entry["measured"])) for entry in truth["proof"]]
        parts += ["## What was measured meanwhile", _table(("what", "measured"), proofs)]
    parts += [
        "## Captures",
        _table(("file", "point", "frames"), captures),
        "## Verdict",
        verdict(truth),
    ]
    return "\n\n".join(parts) + "\n"


def verdict(truth: Mapping[str, Any]) -> str:
    """What the report on a scenario should lead with."""
    if not truth["accept"]:
        return "No finding of severity error or critical."
    works = " The network works: a remark, not a fault." if truth["healthy"] else ""
    return f"{' or '.join(truth['accept'])}.{works}"


def index_row(truth: Mapping[str, Any]) -> str:
    """The scenario's line in the table of all samples."""
    name, healthy = truth["scenario"], "yes" if truth["healthy"] else "no"
    return f"| [{name}]({name}/README.md) | {healthy} | {len(truth['captures'])} | {verdict(truth)} |"


def _sentence(text: str) -> str:
    return _wrap(f"{text[0].upper()}{text[1:].rstrip('.')}.")


def _wrap(text: str) -> str:
    return textwrap.fill(text, WIDTH, break_long_words=False, break_on_hyphens=False)


def _table(heads: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    ruler = "|" + "---|" * len(heads)
    return "\n".join([f"| {' | '.join(heads)} |", ruler, *(f"| {' | '.join(row)} |" for row in rows)])
