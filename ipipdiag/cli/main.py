"""The command ``ipipdiag``: which commands there are, and how each way to end becomes an exit code."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from ipipdiag import __version__
from ipipdiag.cli.exits import CommandError, ExitCode
from ipipdiag.cli.invocation import Invocation
from ipipdiag.cli.output import complain

MODULES = {
    "analyze": "analyze",
    "capture-plan": "capture_plan",
    "checks": "checks",
    "completion": "completion",
    "diff": "reports",
    "expect": "expect",
    "explain": "checks",
    "inspect": "inspect",
    "schema": "reports",
    "trace": "trace",
}  # in which module of this folder each command is


class Commands(click.Group):
    """The commands, each imported when it is asked for: `explain` need not wait for what `analyze` is made of."""

    def list_commands(self, context: click.Context) -> list[str]:
        """The names of all commands."""
        return sorted(MODULES)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        """The command of a name; None where there is none."""
        if name not in MODULES:
            return None
        command: click.Command = getattr(
            importlib.import_module(f"ipipdiag.cli.{MODULES[name]}"), name.replace("-", "_")
        )
        return command


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit codes: 0 nothing at or above --fail-on; 1 something was; 2 usage; 3 no input could be read; "
    "5 a needed program is missing; 70 a bug of ipipdiag.",
)
@click.version_option(__version__, prog_name="ipipdiag", message="%(prog)s %(version)s")
def commands() -> None:
    """Diagnose Calico IP-in-IP networks from packet captures.

    ipipdiag reads captures from pods, cali interfaces, tunl0 and node NICs, and says what Calico should have done, what
    it did, which node and component to look at, and how sure that is.
    """


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line (None: that of the process); returns the exit code."""
    # before numpy is imported: its threads, which nothing here uses, take time to start and forbid to fork a reader
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    invocation = Invocation()
    try:
        code = commands.main(arguments, prog_name="ipipdiag", standalone_mode=False, obj=invocation)
    except click.UsageError as error:
        error.show()
        return ExitCode.USAGE
    except click.Abort:
        return ExitCode.INTERRUPTED
    except click.ClickException as error:
        complain(error.format_message())
        return ExitCode.UNREADABLE if isinstance(error, click.FileError) else ExitCode.USAGE
    except CommandError as error:
        complain(str(error))
        return error.code
    except SystemExit:  # click, where whoever read its help page closed the pipe
        return ExitCode.OK
    except Exception as error:  # whatever is left is our own fault
        _report_bug(error, invocation)
        return ExitCode.BUG
    return int(code or 0)


def _report_bug(error: Exception, invocation: Invocation) -> None:
    import traceback  # here, since few runs need it

    if invocation.verbose:
        traceback.print_exception(error, file=sys.stderr)
    frames = traceback.extract_tb(error.__traceback__)
    place = f" in {Path(frames[-1].filename).name}, line {frames[-1].lineno}" if frames else ""
    advice = "" if invocation.verbose else "; -v shows the traceback"
    complain(f"this is a bug of ipipdiag, please report it: {type(error).__name__}: {error}{place}{advice}")
