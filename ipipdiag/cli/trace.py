"""``ipipdiag trace``: the way of packets through the captured places, hop by hop."""

from __future__ import annotations

from ipaddress import IPv4Network

import click

from ipipdiag.cli import options
from ipipdiag.cli.agreement import (
    require_agreement,
    require_folder_of,
    require_points_of_captures,
    require_readable_standard_input,
)
from ipipdiag.cli.exits import ExitCode
from ipipdiag.cli.invocation import Invocation, pass_invocation
from ipipdiag.cli.output import complain, presentation_for, write
from ipipdiag.cluster.model import ModeOption, NodeOption
from ipipdiag.points.model import PointOption
from ipipdiag.report.presentation import Detail
from ipipdiag.trace.query import EndOption, FrameOption

EXAMPLES = """\b
Examples:
  ipipdiag trace *.pcap                                  all pairs of addresses, the worst first
  ipipdiag trace *.pcap --src shop/web --dst shop/db:5432 --cluster pods.yaml   one conversation, both ways
  ipipdiag trace *.pcap --frame node-a.pcap:37           the way of one packet

\b
Exit codes: 0 answered; 2 usage; 3 no input could be read.
"""


@click.command(short_help="Follow packets from capture to capture: where they are lost and delayed.", epilog=EXAMPLES)
@click.argument("captures", metavar="CAPTURE...", nargs=-1, required=True)
@click.option(
    "--src",
    "source",
    type=options.end,
    metavar="IP|CIDR|NAME[:PORT]",
    help="Packets from here; a name that --cluster or --node gives.",
)
@click.option("--dst", "destination", type=options.end, metavar="IP|CIDR|NAME[:PORT]", help="Packets to here.")
@click.option("--frame", type=options.frame, metavar="FILE:N", help="The one packet in frame N of a capture.")
@options.point_option
@options.cluster_options
@click.option("-f", "--format", "output_format", type=click.Choice(("text", "json")), default="text", show_default=True)
@click.option("-o", "--output", type=click.Path(dir_okay=False), help="Write the answer to a file.")
@click.option("--max-frames", type=click.IntRange(min=1), metavar="N", help="Read at most N frames of each capture.")
@click.option("-v", "--verbose", is_flag=True, help="Show the traceback of a bug.")
@pass_invocation
def trace(
    invocation: Invocation,
    captures: tuple[str, ...],
    source: EndOption | None,
    destination: EndOption | None,
    frame: FrameOption | None,
    points: tuple[PointOption, ...],
    cluster_files: tuple[str, ...],
    ipip_modes: tuple[ModeOption, ...],
    pod_cidrs: tuple[IPv4Network, ...],
    nodes: tuple[NodeOption, ...],
    output_format: str,
    output: str | None,
    max_frames: int | None,
    verbose: bool,
) -> int:
    """Say what became of packets on their way through the CAPTUREs, hop by hop.

    A packet is known again at the next place by what survives on the way. With --src and --dst both ways between the
    two are drawn, with a port one conversation, with --frame one packet; else all pairs of addresses, the worst first.
    """
    invocation.verbose = verbose
    if frame is not None and (source is not None or destination is not None):
        raise click.UsageError("--frame names one packet; it goes without --src and --dst.")
    require_readable_standard_input(captures)
    require_points_of_captures(points, captures)
    require_agreement(ipip_modes)
    require_folder_of(output)

    # here, since they import numpy and pandas
    from ipipdiag.cluster.endpoints import UnknownNameError
    from ipipdiag.report.files import NoSuchFrameError
    from ipipdiag.report.trace import json, text
    from ipipdiag.run import RunOptions, TraceOptions
    from ipipdiag.run import trace as run_trace

    wanted = RunOptions(
        captures,
        points,
        ipip_modes,
        pod_cidrs,
        nodes,
        max_frames=max_frames,
        cluster_files=cluster_files,
    )
    try:
        report = run_trace(wanted, TraceOptions(source, destination, frame))
    except (UnknownNameError, NoSuchFrameError) as error:
        raise click.UsageError(str(error)) from None
    for unread in report.errors:
        complain(f"{unread.name}: {unread.error}")
    renderer = json if output_format == "json" else text
    write(renderer.render(report, presentation_for(output, Detail.NORMAL)), output)
    return ExitCode.OK if report.inputs else ExitCode.UNREADABLE
