"""A capture plan as people follow it: point by point, the commands ready to be pasted."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator

from ipipdiag.cluster.capture_plan import CapturePlan, Step
from ipipdiag.report.sanitise import visible

WIDTH = 100
BEFORE = (
    "Start all of them, as root, then let the trouble happen; each ends by itself. A shell on a node without ssh: "
    "kubectl debug node/NODE -it --profile=sysadmin --image=IMAGE, of an image that has tcpdump; for a pod's eth0 "
    "crictl and nsenter of the node are needed, behind chroot /host."
)
AFTERWARDS = "Bring the files together, then"


def render_plan(plan: CapturePlan) -> str:
    """The plan for a terminal. Commands are not wrapped, so that they can be pasted."""
    path = plan.path
    lines = [f"Captures of packets from {path.source.text} to {path.destination.text}", ""]
    lines += textwrap.wrap(f"Expected: {path.why}", WIDTH, subsequent_indent="          ")
    for note in path.notes:
        lines += textwrap.wrap(f"Note: {note}", WIDTH, subsequent_indent="      ")
    lines += ["", *textwrap.wrap(BEFORE, WIDTH, break_on_hyphens=False, break_long_words=False)]
    for number, step in enumerate(plan.steps, start=1):
        lines += ["", *_step(number, step)]
    lines += ["", AFTERWARDS, f"   {' '.join(plan.analyze)}"]
    return "\n".join(visible(line) for line in lines) + "\n"


def _step(number: int, step: Step) -> Iterator[str]:
    on = f", on node {step.node}" if step.node else ""
    yield f"{number}  {step.place}{on}"
    if step.note:
        yield f"   # {step.note}"
    for line in step.command:
        yield f"   {line}"


def render_plan_json(plan: CapturePlan) -> str:
    """The plan for programs."""
    document = {
        "source": plan.path.source.text,
        "destination": plan.path.destination.text,
        "why": plan.path.why,
        "steps": [
            {"role": step.role, "place": step.place, "node": step.node, "command": list(step.command),
             "file": step.file, "note": step.note}
            for step in plan.steps
        ],
        "notes": list(plan.path.notes),
        "analyze": list(plan.analyze),
    }  # fmt: skip
    return json.dumps(document, indent=2) + "\n"
