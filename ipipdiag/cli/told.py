"""What flags and files tell of the cluster, for the commands that work without a capture."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Network

import click

from ipipdiag.cli.exits import UnreadableError
from ipipdiag.cli.output import complain
from ipipdiag.cluster.configuration import Configuration
from ipipdiag.cluster.files.load import load_configuration
from ipipdiag.cluster.files.members import Complaints
from ipipdiag.cluster.model import Cluster, ModeOption, NodeOption
from ipipdiag.cluster.told import build_told


def tell_cluster(
    cluster_files: Sequence[str],
    nodes: Sequence[NodeOption],
    pod_cidrs: Sequence[IPv4Network],
    ipip_modes: Sequence[ModeOption],
) -> tuple[Configuration, Cluster]:
    """The objects of the files, and the cluster they and the flags make.

    A line on standard error for what cannot be read; a usage error where nothing is known of any node.
    """
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
    return configuration, told
