"""Plays one scenario inside the guest: ``python3 -m calico_lab.guest NAME``. What it yields goes to /tmp/out."""

from __future__ import annotations

import json
import platform
import sys
import time
from pathlib import Path

from calico_lab.captures import Recording
from calico_lab.diagnostics import collect_node_texts, describe_objects
from calico_lab.lab import Lab
from calico_lab.namespaces import run
from calico_lab.scenario import Scenario, load_scenarios
from calico_lab.truth import describe

OUT = Path("/tmp/out")
LEAD_IN = 3.0  # seconds of background traffic before the captures begin
LEAD_OUT = 2.0  # and before they end


def play(scenario: Scenario) -> None:
    """Build, break, record and collect."""
    began = time.monotonic()
    lab = Lab(scenario.cluster, lambda text: print(f"[{time.monotonic() - began:7.3f}] {text}", flush=True))
    captured = OUT / "captures"
    captured.mkdir()
    lab.build()
    lab.start_bgp()
    lab.wait_for_routes()
    lab.play(scenario.background(scenario.cluster))
    scenario.prepare(lab)
    lab.pause(LEAD_IN)
    recording = Recording(captured, scenario.points)
    recording.wait_until_running()
    lab.log("captures run")
    try:
        scenario.play(lab)
        lab.pause(LEAD_OUT)
    finally:
        captures = recording.stop()
    at_end = scenario.at_end or scenario.cluster
    collect_node_texts(at_end, OUT / "nodes")
    (OUT / "objects.json").write_text(json.dumps(describe_objects(at_end)))
    truth = describe(scenario, recorded_with=_versions(), captures=captures, proofs=lab.proofs)
    (OUT / "truth.json").write_text(json.dumps(truth, indent=1) + "\n")
    for problem in lab.routes.problems:
        lab.log(f"route refused: {problem}")


def _versions() -> str:
    tcpdump = run(None, "tcpdump --version").split("\n")[0].replace(" version", "")
    bird = run(None, "bird --version").replace(" version", "")
    return f"Linux {platform.release()} (User Mode Linux, Debian), {tcpdump}, {bird}, HZ=100"


if __name__ == "__main__":
    play(load_scenarios()[sys.argv[1]])
