"""``ipipdiag expect``: the path Calico should give a packet, without a capture."""

from __future__ import annotations

from ipaddress import IPv4Network

import click

from ipipdiag.cli import options
from ipipdiag.cli.exits import ExitCode, UnreadableError
from ipipdiag.cli.output import complain
from ipipdiag.cluster.model import ModeOption, NodeOption


@click.command(short_help="Draw the path Calico should give a packet, hop by hop.")
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
    # here, for they are needed by this command alone
    from ipipdiag.cluster.endpoints import UnknownNameError, find_address
    from ipipdiag.cluster.files.load import load_configuration
    from ipipdiag.cluster.files.members import Complaints
    from ipipdiag.cluster.path import expected_path
    from ipipdiag.cluster.told import build_told
    from ipipdiag.report.path_text import render_json, render_text

    complaints = Complaints()
    configuration = load_configuration(cluster_files, complaints)
    for line in complaints.lines:
        complain(f"{line.name}: {line.text}")
    if cluster_files and sum(line.fatal for line in complaints.lines) == len(cluster_files):
        raise UnreadableError("none of the cluster files could be read")
    told = build_told(configuration, nodes, pod_cidrs, ipip_modes)
    if not told.nodes:
        raise click.UsageError(
            "nothing is known of the cluster; name its files with --cluster, or its nodes with --node."
        )
    try:
        path = expected_path(told, find_address(told, source), find_address(told, destination))
    except UnknownNameError as error:
        raise click.UsageError(str(error)) from None
    click.echo(render_json(path) if output_format == "json" else render_text(path), nl=False)
    return ExitCode.OK
