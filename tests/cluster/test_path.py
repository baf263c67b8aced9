"""The expected path between all kinds of ends: drawn as golden texts, and the rules behind it one by one."""

from __future__ import annotations

import json
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from click.testing import CliRunner

from ipipdiag.addresses import format_address, parse_address
from ipipdiag.cli.main import commands
from ipipdiag.cluster.endpoints import UnknownNameError, find_address
from ipipdiag.cluster.files.load import load_configuration
from ipipdiag.cluster.files.members import Complaints
from ipipdiag.cluster.model import Cluster
from ipipdiag.cluster.path import ExpectedPath, expected_path
from ipipdiag.cluster.told import build_told

FILE = Path(__file__).parent / "cluster.yaml"
GOLDEN = Path(__file__).parent.parent / "golden"

DRAWN = {
    "same-node": ("shop", "till"),
    "same-subnet-always": ("shop", "stock"),
    "crosssubnet-same-subnet": ("shop", "near"),
    "crosssubnet-other-subnet": ("shop", "far"),
    "never": ("shop", "plain"),
    "service": ("shop", "web/orders"),
    "outside": ("shop", "8.8.4.4"),
    "node-to-pod": ("alpha", "stock"),
    "borrowed": ("shop", "guest"),
}


@pytest.fixture(scope="module")
def cluster() -> Cluster:
    complaints = Complaints()
    told = build_told(load_configuration([str(FILE)], complaints))
    assert complaints.lines == []
    return told


def path_between(cluster: Cluster, source: str, destination: str) -> ExpectedPath:
    return expected_path(cluster, find_address(cluster, source), find_address(cluster, destination))


@pytest.mark.parametrize("name", DRAWN)
def test_path_is_drawn_as_it_was_read(name: str, pytestconfig: pytest.Config) -> None:
    result = CliRunner().invoke(commands, ["expect", *DRAWN[name], "--cluster", str(FILE)], standalone_mode=False)
    assert result.exception is None
    golden = GOLDEN / f"expect-{name}.txt"
    if pytestconfig.getoption("--update-golden"):
        golden.write_text(result.stdout)
    assert result.stdout == golden.read_text()


def test_json_holds_what_the_text_draws() -> None:
    arguments = ["expect", "shop", "stock", "--cluster", str(FILE), "-f", "json"]
    document = json.loads(CliRunner().invoke(commands, arguments, standalone_mode=False).stdout)
    assert document["wrapped"] is True
    outer = [stop["outer"] for stop in document["stops"] if stop["outer"]]
    assert outer == [{"source": "192.0.2.11", "destination": "192.0.2.12", "ttl": 63}] * 2
    assert [stop["role"] for stop in document["stops"]] == [
        "pod", "cali", "tunl0", "node", "node", "tunl0", "cali", "pod"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("source", "destination", "wrapped"),
    [
        ("shop", "stock", True),
        ("shop", "near", False),
        ("shop", "far", True),
        ("far", "shop", True),
        ("near", "shop", True),  # the destination's pool decides: bare one way, wrapped the other
        ("plain", "shop", True),
        ("shop", "plain", False),
        ("shop", "till", False),
        ("shop", "guest", True),
        ("shop", "beta", False),
        ("shop", "172.20.99.1", None),
        ("8.8.8.8", "shop", None),
    ],
)
def test_form_follows_the_pool_of_the_destination(
    cluster: Cluster, source: str, destination: str, wrapped: bool | None
) -> None:
    assert path_between(cluster, source, destination).wrapped is wrapped


def test_ttl_and_size_fall_where_the_kernel_takes_them(cluster: Cluster) -> None:
    stops = path_between(cluster, "shop", "stock").stops
    assert [stop.inner[2] for stop in stops] == [64, 64, 63, 63, 63, 63, 62, 62]
    assert [stop.outer[2] for stop in stops if stop.outer] == [63, 63]
    assert [stop.mtu for stop in stops] == [1430, 1430, 1430, 1450, 1450, 1430, 1430, 1430]


def test_borrowed_address_goes_to_the_borrower_by_its_own_route(cluster: Cluster) -> None:
    path = path_between(cluster, "shop", "guest")
    outer = next(stop.outer for stop in path.stops if stop.outer)
    assert format_address(outer[1]) == "198.51.100.13"
    assert any("172.20.2.9/32" in (stop.then or "") for stop in path.stops)
    assert "borrowed" in path.why


def test_node_sends_into_the_tunnel_from_its_tunl0_address(cluster: Cluster) -> None:
    stops = path_between(cluster, "alpha", "stock").stops
    assert {format_address(stop.inner[0]) for stop in stops} == {"172.20.1.0"}
    assert [stop.inner[2] for stop in stops] == [64, 64, 64, 64, 63, 63]


def test_outgoing_source_follows_nat_outgoing(cluster: Cluster) -> None:
    def leaves_as(source: str) -> str:
        return format_address(path_between(cluster, source, "8.8.4.4").stops[-1].inner[0])

    assert leaves_as("shop") == "192.0.2.11"
    assert leaves_as("far") == "172.21.3.5"


def test_service_address_is_translated_before_it_leaves_the_node(cluster: Cluster) -> None:
    path = path_between(cluster, "shop", "203.0.113.80")
    assert path.destination.kind == "service"
    assert format_address(path.stops[-1].inner[1]) == "172.20.2.7"


def test_names_are_found_and_unknown_ones_refused(cluster: Cluster) -> None:
    assert find_address(cluster, "web/shop") == find_address(cluster, "shop") == parse_address("172.20.1.5")
    assert find_address(cluster, "gamma") == int(IPv4Address("198.51.100.13"))
    with pytest.raises(UnknownNameError, match="neither"):
        find_address(cluster, "nobody")
    result = CliRunner().invoke(commands, ["expect", "nobody", "shop", "--cluster", str(FILE)])
    assert "neither an IPv4 address nor a name" in result.output
