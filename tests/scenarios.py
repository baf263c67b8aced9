"""The recorded scenarios as tests see them: which are healthy, which codes are right, which file shows what."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

from ipipdiag.report.model import Report
from ipipdiag.run import RunOptions, analyze

SAMPLES = Path(__file__).parent.parent / "samples"
DAMAGED = "91-derived-damaged-files"

HEALTHY = ("01", "02", "03", "04", "21", "24", "29", "32", "40", "51", "55", "58", "60")
FAULTY = (
    "06",
    "07",
    "09",
    "10",
    "11",
    "12",
    "13",
    "14",
    "15",
    "17",
    "19",
    "20",
    "22",
    "23",
    "25",
    "27b",
    "28c",
    "41",
    "42",
    "43",
    "44",
    "45",
    "46",
    "47",
    "48",
    "49",
    "50",
    "52",
    "53",
    "54",
    "56",
    "57",
    "59",
    "61",
)
# what packets alone cannot tell from something else: there the right answer without cluster files is the general one
# of the code, at the right place, which names what it may be, this among them, and the command that tells them apart
FROM_PACKETS = {
    # a blackhole route and a policy that denies are silent alike: no ARP, no ICMP, nothing of the address is ever seen
    "50": ("IPD6007", "tunl0 of node 192.168.78.22", "no pod has 172.29.57.235", "ip route get 172.29.57.235"),
}
# healthy ones whose captures begin and end one after the other while packets are under way
RAGGED = ("40", "51", "55", "58", "60")

# one file alone that must show the fault, and the code it must show
ALONE = (
    ("07", "a-eth0.pcap", "IPD6001"),
    ("09", "a-eth0.pcap", "IPD3001"),
    ("10", "b-eth0.pcap", "IPD3002"),
    ("10", "c-eth0.pcap", "IPD3002"),
    ("10", "b-tunl0.pcap", "IPD3002"),
    ("12", "a-eth0.pcap", "IPD5002"),
    ("12", "a-tunl0.pcap", "IPD5002"),
    ("12", "a-calia150d993dd4.pcap", "IPD5002"),
    ("12", "pod-a2-eth0.pcap", "IPD5002"),
    ("12", "c-eth0.pcap", "IPD5002"),
    ("13", "a-eth0.pcap", "IPD5003"),
    ("13", "b-eth0.pcap", "IPD5003"),
    ("14", "a-cali817517c44ab.pcap", "IPD1001"),
    ("14", "pod-a1-eth0.pcap", "IPD1001"),
    ("15", "a-cali817517c44ab.pcap", "IPD1002"),
    ("15", "pod-a1-eth0.pcap", "IPD1002"),
    ("20", "a-eth0.pcap", "IPD4004"),
    ("20", "b-eth0.pcap", "IPD4004"),
    ("23", "a-eth0.pcap", "IPD2004"),
    ("23", "b-eth0.pcap", "IPD2004"),
    ("27b", "a-eth0.pcap", "IPD6003"),
    ("27b", "b-eth0.pcap", "IPD6003"),
)


def folder(number: str) -> Path:
    """The folder of a scenario, by the number its name begins with."""
    (found,) = SAMPLES.glob(f"{number}-*")
    return found


def captures(number: str) -> tuple[Path, ...]:
    """The capture files of a scenario."""
    return tuple(sorted(path for path in folder(number).iterdir() if ".pcap" in path.name))


def nodes(number: str) -> list[str]:
    """What the names of the captures of each node of a scenario begin with."""
    truth = json.loads((folder(number) / "truth.json").read_text())
    return [node["id"] for node in truth["nodes"].values()]


def accepted(number: str, *, with_files: bool = False) -> list[str]:
    """The codes that are a right answer to a scenario, from packets alone or with cluster files; none where it is
    healthy.
    """
    if number in FROM_PACKETS and not with_files:
        return [FROM_PACKETS[number][0]]
    truth = json.loads((folder(number) / "truth.json").read_text())
    return list(truth["accept"])


@cache
def report_on(*paths: Path) -> Report:
    """The report on some captures, with no further option."""
    return analyze(RunOptions(tuple(str(path) for path in paths)))


@cache
def report_with_cluster(*paths: Path) -> Report:
    """The report on some captures of one scenario, told what `calicoctl cluster diags` collected there."""
    diagnostics = paths[0].parent / "calico-diagnostics"
    return analyze(RunOptions(tuple(str(path) for path in paths), cluster_files=(str(diagnostics),)))
