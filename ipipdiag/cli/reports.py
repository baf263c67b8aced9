"""``ipipdiag schema`` prints the schema of JSON reports; ``ipipdiag diff`` compares two of them."""

from __future__ import annotations

from importlib.resources import files

import click

from ipipdiag.checks.model import Severity
from ipipdiag.cli.exits import ExitCode, UnreadableError
from ipipdiag.cli.output import presentation_for, write
from ipipdiag.report.presentation import Detail


@click.command(
    short_help="Print the JSON schema of reports.",
    epilog="\b\nExamples:\n  ipipdiag schema > report.schema.json",
)
def schema() -> int:
    """Print the JSON schema of what `ipipdiag analyze -f json` writes."""
    write((files("ipipdiag.report") / "schema.json").read_bytes(), None)
    return ExitCode.OK


@click.command(
    short_help="Compare two JSON reports: what is new, gone, changed.",
    epilog="\b\nExamples:\n  ipipdiag diff before.json after.json\n"
    "  ipipdiag analyze -f json after.pcap | ipipdiag diff before.json -\n\n"
    "Exit codes: 0 nothing is new; 1 something is; 2 usage; 3 a report cannot be read.",
)
@click.argument("old", metavar="OLD.json", type=click.Path())
@click.argument("new", metavar="NEW.json", type=click.Path())
@click.option("-f", "--format", "output_format", type=click.Choice(("text", "json")), default="text", show_default=True)
@click.option(
    "--fail-on",
    type=click.Choice([severity.value for severity in reversed(Severity)]),
    default=Severity.NOTICE.value,
    show_default=True,
    help="Exit with 1 if something new is of at least this severity.",
)
def diff(old: str, new: str, output_format: str, fail_on: str) -> int:
    """Compare the findings of two JSON reports: which are new, gone, changed, still there.

    Findings are tied by their code and what they are about, so that the reports may be of other captures: those before
    a repair, and those after it. Of what is gone it is said whether its check could judge in the new run.
    """
    if old == new == "-":
        raise click.UsageError("- (standard input) can be named only once.")
    # here, for this command alone needs them
    from ipipdiag.report.diff import compare
    from ipipdiag.report.diff_text import render_json, render_text
    from ipipdiag.report.earlier import ReportFileError, read_report

    try:
        difference = compare(read_report(old), read_report(new))
    except ReportFileError as error:
        raise UnreadableError(str(error)) from None
    if output_format == "json":
        write(render_json(difference), None)
    else:
        write(render_text(difference, presentation_for(None, Detail.NORMAL)), None)
    return ExitCode.FINDINGS if difference.has_new(Severity(fail_on)) else ExitCode.OK
