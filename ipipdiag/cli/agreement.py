"""What options must agree on with each other and with the captures; ``click.UsageError`` where they do not."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path, PurePath

import click

from ipipdiag.cli.options import STANDARD_INPUT, STANDARD_INPUT_NAME
from ipipdiag.cluster.model import ModeOption
from ipipdiag.points.model import PointOption


def require_readable_standard_input(captures: Sequence[str]) -> None:
    """Standard input is named at most once, and is no terminal."""
    if captures.count(STANDARD_INPUT) > 1:
        raise click.UsageError("- (standard input) can be named only once.")
    if STANDARD_INPUT in captures and sys.stdin is not None and sys.stdin.isatty():
        raise click.UsageError("- reads a capture from standard input, which is a terminal; pipe one in.")


def require_points_of_captures(points: Sequence[PointOption], captures: Sequence[str]) -> None:
    """A --point that names no capture would be ignored in silence; what a folder holds is not known yet."""
    if any(Path(capture).is_dir() for capture in captures):
        return
    given = [STANDARD_INPUT_NAME if capture == STANDARD_INPUT else capture for capture in captures]
    names = {name for capture in given for name in (capture, PurePath(capture).name)}
    for point in points:
        if point.file not in names:
            raise click.UsageError(f"--point {point.file}: names none of the captures ({', '.join(given)}).")


def require_agreement(modes: Sequence[ModeOption]) -> None:
    """No pool is told two modes."""
    for earlier in modes:
        for later in modes:
            if earlier.cidr == later.cidr and earlier.mode is not later.mode:
                pool = earlier.cidr or "all pools"
                raise click.UsageError(f"--ipip-mode: {pool} cannot be both {earlier.mode} and {later.mode}.")


def require_folder_of(output: str | None) -> None:
    """The folder of a file to be written exists."""
    if output is not None and not Path(output).absolute().parent.is_dir():
        raise click.UsageError(f"-o {output}: there is no such folder.")
