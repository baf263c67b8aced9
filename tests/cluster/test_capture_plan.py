"""Which captures to take along a path: golden texts, and the filter held against real captures."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

from ipipdiag.addresses import parse_address
from ipipdiag.capture import Limits
from ipipdiag.cli.main import commands
from ipipdiag.cluster.capture_plan import cali_name, nic_filter
from ipipdiag.points.placement import place_points
from ipipdiag.run import read_captures
from tests.builders.captures import pcap
from tests.builders.packets import ethernet
from tests.scenarios import folder

FILE = Path(__file__).parent / "cluster.yaml"
GOLDEN = Path(__file__).parent.parent / "golden"
POD_A, POD_B = "10.244.166.179", "10.244.136.13"

DRAWN = {
    "wrapped": ("shop", "stock"),
    "same-node": ("shop", "till"),
    "service": ("web/shop", "web/orders"),
    "outside": ("shop", "8.8.4.4"),
    "from-node": ("alpha", "stock"),
}


def plan(*arguments: str) -> str:
    result = CliRunner().invoke(commands, ["capture-plan", *arguments], standalone_mode=False)
    assert result.exception is None
    return result.stdout


@pytest.mark.parametrize("name", DRAWN)
def test_plan_is_as_it_was_read(name: str, pytestconfig: pytest.Config) -> None:
    source, destination = DRAWN[name]
    said = plan("--src", source, "--dst", destination, "--cluster", str(FILE)).replace(str(FILE), "cluster.yaml")
    golden = GOLDEN / f"capture-plan-{name}.txt"
    if pytestconfig.getoption("--update-golden"):
        golden.write_text(said)
    assert said == golden.read_text()


def test_interface_name_is_calicos() -> None:
    """As the CNI plugin computes it: the recorded cluster's interfaces have these names."""
    assert cali_name("default/client-a") == "cali817517c44ab"
    assert cali_name("default/web-b") == "caliddeaa362342"


def test_files_are_placed_by_the_names_they_get(tmp_path: Path) -> None:
    """Each file of the plan, even without a packet, is placed by its name as the plan means it."""
    said = plan("--src", "shop", "--dst", "stock", "--cluster", str(FILE))
    commands_line = said.splitlines()[-1]
    told = dict(word.split("=") for word in commands_line.split() if "=" in word)
    for name, role in told.items():
        path = tmp_path / name
        path.write_bytes(pcap([ethernet(b"")]))
        captures, errors = read_captures([str(path)], Limits())
        assert not errors
        (point,) = place_points(captures, (), {})
        assert point.role.value == role.split("@")[0]


@pytest.mark.skipif(shutil.which("tcpdump") is None, reason="tcpdump is not installed")
@pytest.mark.needs_tshark
@pytest.mark.parametrize(("number", "name"), [("01", "a-eth0.pcap"), ("13", "b-eth0.pcap"), ("32", "a-eth0.pcap")])
def test_filter_catches_what_matters_and_little_else(number: str, name: str) -> None:
    """Packets of the two pods, wrapped, in fragments or bare, behind VLAN tags too; ARP, ICMP and BGP."""
    path = str(folder(number) / name)
    pods = [parse_address(POD_A), parse_address(POD_B)]
    caught = subprocess.run(
        ["tcpdump", "-nr", path, nic_filter(pods)], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    wanted = (
        f"ip.addr == {POD_A} || ip.addr == {POD_B} || arp || tcp.port == 179 || ip.proto == 1"
        " || (ip.proto == 4 && ip.frag_offset > 0)"
    )
    matching = subprocess.run(
        ["tshark", "-r", path, "-o", "ip.defragment:FALSE", "-Y", wanted], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    assert len(caught) > 20
    assert len(caught) == len(matching)


def test_ends_that_nothing_is_known_of_are_usage_errors() -> None:
    for arguments in (
        ["--src", "nobody", "--dst", "stock", "--cluster", str(FILE)],
        ["--src", "8.8.4.4", "--dst", "stock", "--cluster", str(FILE)],
        ["--src", "shop", "--dst", "stock"],
    ):
        assert CliRunner().invoke(commands, ["capture-plan", *arguments]).exit_code == 2
