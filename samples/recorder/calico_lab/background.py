"""The ordinary traffic of the cluster, among which a fault has to be found."""

from __future__ import annotations

from collections.abc import Iterator

from calico_lab.cluster import OUTSIDE, OUTSIDE_DNS, OUTSIDE_WEB, Cluster
from calico_lab.traffic import DnsClient, DnsServer, HttpClient, HttpServer, Pinger, Program, UdpSink, UdpSource

HTTP_PORT = 8080
STORE_PORT = 5432
METRICS_PORT = 8125
API_PORT = 6443


def servers(cluster: Cluster) -> list[Program]:
    """Every pod answers HTTP and DNS pods answer DNS; the API server of cedar, and two servers outside."""
    api = cluster.node("cedar").address
    listening: list[Program] = [
        HttpServer("cedar", api, API_PORT),
        HttpServer(OUTSIDE, OUTSIDE_WEB, 80),
        DnsServer(OUTSIDE, OUTSIDE_DNS, OUTSIDE_WEB),
    ]
    for pod in cluster.pods:
        port = STORE_PORT if pod.name.startswith("db.") else HTTP_PORT
        listening.append(HttpServer(pod.netns, pod.address, port))
        if "coredns" in pod.name:
            listening.append(DnsServer(pod.netns, pod.address, cluster.service("shop.catalog").address))
        if pod.name == "monitoring.sink":
            listening.append(UdpSink(pod.netns, pod.address, METRICS_PORT))
    return listening


def standard(cluster: Cluster) -> list[Program]:
    """All servers, and clients that talk to pods of other nodes, to services, to their own node and to the outside."""
    return [*servers(cluster), *_between_pods(cluster), *_of_nodes(cluster)]


def _between_pods(cluster: Cluster) -> Iterator[Program]:
    front, orders, report = (cluster.pod(name).netns for name in ("shop.front", "shop.orders", "batch.report"))
    dns, catalog = cluster.service("kube-system.kube-dns").address, cluster.service("shop.catalog").address
    store, ledger, sink = (cluster.pod(name).address for name in ("db.store", "db.ledger", "monitoring.sink"))
    yield HttpClient(front, catalog, 80, 700, 1.1)
    yield DnsClient(front, dns, "catalog.shop.svc.cluster.local", 1.6)
    yield HttpClient(orders, store, STORE_PORT, 300, 1.3)
    yield DnsClient(report, dns, "ledger.db.svc.cluster.local", 2.7)
    yield HttpClient(report, ledger, STORE_PORT, 3000, 2.1)
    yield HttpClient(cluster.pod("shop.payments").netns, OUTSIDE_WEB, 80, 500, 3.1)
    yield UdpSource(front, sink, METRICS_PORT, 1.0)
    yield Pinger(orders, cluster.pod("shop.payments").address, 2)


def _of_nodes(cluster: Cluster) -> Iterator[Program]:
    api = cluster.node("cedar").address
    for node in cluster.nodes:
        for pod in cluster.pods_of(node)[:1]:  # the kubelet's probes
            port = STORE_PORT if pod.name.startswith("db.") else HTTP_PORT
            yield HttpClient(node.name, pod.address, port, 40, 3.7)
        if node.address != api:
            yield HttpClient(node.name, api, API_PORT, 250, 2.9)
    yield Pinger("alder", api, 3)
