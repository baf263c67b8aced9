"""``ipipdiag capture-plan``: which captures to take, by which commands; it never runs any."""

from __future__ import annotations

from ipaddress import IPv4Network

import click

from ipipdiag.cli import options
from ipipdiag.cli.exits import ExitCode
from ipipdiag.cluster.model import ModeOption, NodeOption


@click.command(
    "capture-plan",
    short_help="Print the commands that capture at each point of a path.",
    epilog="\b\nExamples:\n  ipipdiag capture-plan --src shop/web --dst shop/db --cluster diags.tar.gz",
)
@click.option("--src", "source", required=True, metavar="POD", help="Who sends: a name, namespace/name, or an address.")
@click.option("--dst", "destination", required=True, metavar="POD", help="Who receives.")
@options.cluster_options
@click.option(
    "--seconds", type=click.IntRange(min=1), default=60, show_default=True, help="How long each capture runs."
)
@click.option("-f", "--format", "output_format", type=click.Choice(("text", "json")), default="text", show_default=True)
def capture_plan(
    source: str,
    destination: str,
    cluster_files: tuple[str, ...],
    ipip_modes: tuple[ModeOption, ...],
    pod_cidrs: tuple[IPv4Network, ...],
    nodes: tuple[NodeOption, ...],
    seconds: int,
    output_format: str,
) -> int:
    """Print, for each point that packets pass from --src to --dst, the command that captures there.

    The filters also catch encapsulated packets, ARP, ICMP and BGP; the last command analyses all files together.
    Nothing is run.
    """
    # here, for they are needed by few commands
    from ipipdiag.cli.told import tell_cluster
    from ipipdiag.cluster.capture_plan import plan_captures
    from ipipdiag.cluster.endpoints import UnknownNameError, find_address
    from ipipdiag.cluster.path import expected_path
    from ipipdiag.report.plan_text import render_plan, render_plan_json

    configuration, told = tell_cluster(cluster_files, nodes, pod_cidrs, ipip_modes)
    try:
        path = expected_path(told, find_address(told, source), find_address(told, destination))
    except UnknownNameError as error:
        raise click.UsageError(str(error)) from None
    if not path.stops:
        raise click.UsageError(path.why + ".")
    plan = plan_captures(path, told, configuration, seconds, cluster_files)
    click.echo(render_plan_json(plan) if output_format == "json" else render_plan(plan), nl=False)
    return ExitCode.OK
