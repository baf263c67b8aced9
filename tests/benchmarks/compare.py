"""Runs capinfos, tshark and ipipdiag in turn on one capture.

    compare.py CAPTURE [--peer CAPTURE] [--small CAPTURE] [--rounds N]

Prints for each the shortest wall time of its rounds, its ratio to the times of capinfos and tshark in the same
run, and the peak resident memory. Each is a whole process, start-up included. With --peer, what the NIC of another node
saw of the same packets, also how long `ipipdiag trace` takes to follow them and how many it finds at both. With
--small, a capture of few frames, also what a start costs: the commands that read no capture beside `tshark -v`, and
that capture beside `tshark -r`.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

START_ROUNDS = 7


@dataclass(frozen=True)
class Measurement:
    """The shortest of some rounds: wall time in seconds, peak resident memory in MiB."""

    seconds: float
    mebibytes: float


def commands(capture: Path) -> dict[str, list[str]]:
    """What is run, by the name it has in the table."""
    ipipdiag = Path(sys.executable).parent / "ipipdiag"
    return {
        "capinfos": ["capinfos", str(capture)],
        "tshark -q -z io,phs": ["tshark", "-q", "-z", "io,phs", "-r", str(capture)],
        "ipipdiag analyze -f json": [str(ipipdiag), "analyze", "-f", "json", str(capture)],
    }


def measure(command: list[str], rounds: int) -> Measurement:
    """Run a command some times; its output is thrown away."""
    taken = []
    for _ in range(rounds):
        start = time.perf_counter()
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        _, _, usage = os.wait4(process.pid, 0)
        process.returncode = 0  # waited for above
        taken.append(Measurement(time.perf_counter() - start, usage.ru_maxrss / 1024))
    return min(taken, key=lambda one: one.seconds)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description="Compare the time and memory of capinfos, tshark and ipipdiag.")
    parser.add_argument("capture", type=Path)
    parser.add_argument("--peer", type=Path)
    parser.add_argument("--small", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    measured = {
        name: measure(command, 1 if name.startswith("tshark") else arguments.rounds)
        for name, command in commands(arguments.capture).items()
        if shutil.which(command[0])
    }
    reference = {name.split()[0]: one.seconds for name, one in measured.items()}
    size = arguments.capture.stat().st_size / (1 << 20)
    print(f"{arguments.capture.name}: {size:.0f} MiB, {os.cpu_count()} cores, Python {sys.version.split()[0]}")
    print(f"{'':<26}{'time':>9}{'to capinfos':>13}{'to tshark':>11}{'peak memory':>13}")
    for name, one in measured.items():
        ratios = [
            f"{one.seconds / reference[other]:.2f}" if other in reference else "-" for other in ("capinfos", "tshark")
        ]
        print(f"{name:<26}{one.seconds:>7.2f} s{ratios[0]:>13}{ratios[1]:>11}{one.mebibytes:>9.0f} MiB")
    if arguments.peer is not None:
        print_matched([arguments.capture, arguments.peer])
    if arguments.small is not None:
        print_starts(arguments.small)


def print_starts(capture: Path) -> None:
    """How long a start takes, beside the same of tshark: nothing read, and a few frames."""
    ipipdiag = str(Path(sys.executable).parent / "ipipdiag")
    nothing_read = ["--version"], ["--help"], ["explain", "IPD6001"], ["checks"]
    for reference, ours in (
        (["tshark", "-v"], nothing_read),
        (["tshark", "-r", str(capture)], (["analyze", "-f", "json", str(capture)],)),
    ):
        beside = measure(reference, START_ROUNDS).seconds
        print(f"{' '.join(reference[:2]):<26}{beside:>7.2f} s")
        for options in ours:
            one = measure([ipipdiag, *options], START_ROUNDS)
            name = f"ipipdiag {' '.join(options[:3])}"
            print(f"{name:<26}{one.seconds:>7.2f} s{'':>13}{one.seconds / beside:>11.2f}{one.mebibytes:>9.0f} MiB")


def print_matched(captures: list[Path]) -> None:
    """Follow the packets of two NICs, and print time, memory and the share found at both."""
    ipipdiag = Path(sys.executable).parent / "ipipdiag"
    with tempfile.NamedTemporaryFile(suffix=".json") as answer:
        one = measure([str(ipipdiag), "trace", "-f", "json", "-o", answer.name, *map(str, captures)], 1)
        routes = json.loads(Path(answer.name).read_text())["routes"]
    hops = [hop for route in routes for hop in route["hops"]]
    sent, seen = (sum(hop[name] for hop in hops) for name in ("sent", "seen"))
    print(f"{'ipipdiag trace, two NICs':<26}{one.seconds:>7.2f} s{'':>24}{one.mebibytes:>9.0f} MiB")
    print(f"{seen:,} of {sent:,} packets sent from one NIC to the other are found there: {100 * seen / sent:.2f} %")


if __name__ == "__main__":
    main()
