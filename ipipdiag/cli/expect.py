"""``ipipdiag expect``: the path Calico should give a packet, without a capture."""

from __future__ import annotations

from ipaddress import IPv4Network

import click

from ipipdiag.cli import options
from ipipdiag.cli.exits import ExitCode
from ipipdiag.cluster.model import ModeOption, NodeOption


@click.command(
    short_help="Draw the path Calico should give a packet, hop by hop.",
    epilog="\b\nExamples:\n  ipipdiag expect shop/web shop/db --cluster diags.tar.gz\n"
    "  ipipdiag expect 10.244.1.5 10.244.2.7 --pod-cidr 10.244.0.0/16 --node a=10.0.0.1/24",
)
@click.argument("source", metavar="SRC")
@click.argument("destination", metavar="DST")
@options.cluster_options
@click.option("-f", "--format", "output_format", type=click.Choice(("text", "json")), default="text", show_default=True)
def expect(
    source: str,
    destination: str,
    cluster_files: tuple[str, ...],
    ipip_modes: tuple[ModeOption, ...],
    pod_cidrs: tuple[IPv4Network, ...],
    nodes: tuple[NodeOption, ...],
    output_format: str,
) -> int:
    """Draw what Calico should do with a packet from SRC to DST: addresses, or names of pods, nodes and services.

    What is known of the cluster comes from --cluster and the other options; nothing is guessed.
    """
    # here, for they are needed by few commands
    from ipipdiag.cli.told import tell_cluster
    from ipipdiag.cluster.endpoints import UnknownNameError, find_address
    from ipipdiag.cluster.path import expected_path
    from ipipdiag.report.path_text import render_json, render_text

    _, told = tell_cluster(cluster_files, nodes, pod_cidrs, ipip_modes)
    try:
        path = expected_path(told, find_address(told, source), find_address(told, destination))
    except UnknownNameError as error:
        raise click.UsageError(str(error)) from None
    click.echo(render_json(path) if output_format == "json" else render_text(path), nl=False)
    return ExitCode.OK
