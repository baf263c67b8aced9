"""``ipipdiag inspect``: frames header field by field, beside what Calico's rules expect of each field."""

from __future__ import annotations

import click


@click.command(short_help="Show frames header by header, beside what Calico's rules expect.")
@click.argument("capture")
@click.argument("frames", metavar="FRAME...", nargs=-1, required=True, type=click.IntRange(min=1))
def inspect(capture: str, frames: tuple[int, ...]) -> int:
    """Show frames of a CAPTURE, header by header."""
    raise click.UsageError("not there yet")
