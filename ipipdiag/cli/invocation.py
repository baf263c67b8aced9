"""What the commands tell the outermost handler of errors."""

from __future__ import annotations

from dataclasses import dataclass

import click


@dataclass(slots=True)
class Invocation:
    """One run of the command line."""

    verbose: bool = False  # show the traceback of a bug


pass_invocation = click.make_pass_decorator(Invocation, ensure=True)
