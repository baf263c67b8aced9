"""``ipipdiag analyze``: options in, report and exit code out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from ipaddress import IPv4Network
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from ipipdiag.checks.model import Severity
from ipipdiag.checks.thresholds import Thresholds, threshold_names
from ipipdiag.cli import options
from ipipdiag.cli.agreement import (
    require_agreement,
    require_folder_of,
    require_points_of_captures,
    require_readable_standard_input,
)
from ipipdiag.cli.completion import complete_code
from ipipdiag.cli.config_file import ORIGIN, settings_of, take_config
from ipipdiag.cli.exits import ExitCode, HelperMissingError
from ipipdiag.cli.interrupt import stop_on_interrupt
from ipipdiag.cli.invocation import Invocation, pass_invocation
from ipipdiag.cli.output import complain, presentation_for, write
from ipipdiag.cli.progress import shown_progress
from ipipdiag.cluster.model import ModeOption, NodeOption
from ipipdiag.points.model import PointOption
from ipipdiag.report.formats import FormatUnavailableError, draws, format_names, options_of, render
from ipipdiag.report.model import Report
from ipipdiag.report.presentation import LEAST_BYTES, TABLES, Detail

if TYPE_CHECKING:
    from ipipdiag.redaction.redactor import Redactor

FAIL_ON = ("never", *(severity.value for severity in reversed(Severity)))


EXAMPLES = """\b
Examples:
  ipipdiag analyze node-a.pcap node-b.pcap             two ends of the same trouble
  kubectl exec POD -- tcpdump -w - | ipipdiag analyze -  what is captured now; Ctrl-C ends it
  ssh NODE tcpdump -w - | ipipdiag analyze --duration 30 -  the same, for half a minute
  ipipdiag analyze --cluster diags.tar.gz *.pcap       with what calicoctl cluster diags collected
  ipipdiag analyze -f md --max-bytes 60000 *.pcap      for a ticket
  ipipdiag analyze -f csv --table flows a.pcap         every flow, for a spreadsheet
  ipipdiag analyze --from '2026-08-01 12:00' --host shop/web a.pcap --cluster pods.yaml

\b
Exit codes, the same for every format: 0 nothing at or above --fail-on; 1 something was; 2 usage;
3 no input could be read; 5 a needed program or library is missing; 70 a bug of ipipdiag.
"""


@click.command(short_help="Say what captures show against what Calico should have done.", epilog=EXAMPLES)
@click.argument("captures", metavar="CAPTURE...", nargs=-1, type=click.Path())
@options.point_option
@options.cluster_options
@click.option(
    "output_format",
    "-f",
    "--format",
    type=click.Choice(format_names()),
    default="text",
    show_default=True,
    help="Format.",
)
@click.option(
    "-o", "--output", type=click.Path(), help="Write the report to a file; all tables to a folder (csv, parquet)."
)
@click.option("--table", type=click.Choice(TABLES), help="The table that csv and parquet hold; findings by default.")
@click.option(
    "--max-bytes",
    type=click.IntRange(min=LEAST_BYTES),
    metavar="N",
    help="Leave out parts of a Markdown report so that it has at most N bytes.",
)
@click.option(
    "--fail-on",
    type=click.Choice(FAIL_ON),
    default="error",
    show_default=True,
    help="Exit with 1 from this severity on.",
)
@click.option(
    "--only",
    type=options.check_code,
    metavar="CODE",
    multiple=True,
    shell_complete=complete_code,
    help="Run only this check.",
)
@click.option(
    "--skip",
    type=options.check_code,
    metavar="CODE",
    multiple=True,
    shell_complete=complete_code,
    help="Do not run this check.",
)
@click.option("from_ns", "--from", type=options.moment, metavar="TIME", help="Look at no frame before it (UTC).")
@click.option("to_ns", "--to", type=options.moment, metavar="TIME", help="Look at no frame after it (UTC).")
@click.option(
    "hosts",
    "--host",
    metavar="IP|POD",
    multiple=True,
    help="Look only at frames of it: an address, or a name that --cluster or --node gives.",
)
@click.option(
    "thresholds",
    "--threshold",
    type=options.threshold,
    metavar="NAME=VALUE",
    multiple=True,
    help=f"From which figure on something is reported: {', '.join(threshold_names())}.",
)
@click.option("--max-frames", type=click.IntRange(min=1), metavar="N", help="Read at most N frames of each capture.")
@click.option(
    "--duration",
    type=click.FloatRange(min=0, min_open=True),
    metavar="SECONDS",
    help="Read so long and no longer, a pipe that is silent as well; report what was read by then.",
)
@click.option("--strict", is_flag=True, help="Exit with 3 if any input cannot be read.")
@click.option(
    "--evidence",
    type=click.Path(dir_okay=False),
    metavar="OUT.pcapng",
    help="Write the frames that findings cite, with those around them, for Wireshark; each has a comment a finding.",
)
@click.option("--redact", is_flag=True, help="Replace addresses, MACs and names, alike in report and evidence.")
@click.option(
    "--redact-key",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Redact by the key in a file, so that two runs are alike; the file is made if it is not there.",
)
@click.option(
    "--config",
    type=click.Path(),
    metavar="FILE",
    is_eager=True,
    expose_value=False,
    callback=take_config,
    help="Take options from FILE; else from ./ipipdiag.toml or ~/.config/ipipdiag/config.toml.",
)
@click.option("--no-config", is_flag=True, is_eager=True, help="Read no configuration file.")
@click.option("-v", "--verbose", is_flag=True, help="Show all evidence, whole hashes, and the traceback of a bug.")
@click.option("-q", "--quiet", is_flag=True, help="Show the verdict and the titles of the findings.")
@pass_invocation
def analyze(
    invocation: Invocation,
    captures: tuple[str, ...],
    cluster_files: tuple[str, ...],
    points: tuple[PointOption, ...],
    ipip_modes: tuple[ModeOption, ...],
    pod_cidrs: tuple[IPv4Network, ...],
    nodes: tuple[NodeOption, ...],
    output_format: str,
    output: str | None,
    table: str | None,
    max_bytes: int | None,
    fail_on: str,
    only: tuple[str, ...],
    skip: tuple[str, ...],
    thresholds: tuple[tuple[str, float], ...],
    max_frames: int | None,
    duration: float | None,
    from_ns: int | None,
    to_ns: int | None,
    hosts: tuple[str, ...],
    no_config: bool,
    strict: bool,
    evidence: str | None,
    redact: bool,
    redact_key: Path | None,
    verbose: bool,
    quiet: bool,
) -> int:
    """Compare what CAPTUREs show with what Calico should have done.

    A CAPTURE is a pcap or pcapng file, compressed or not, a folder of them, or - for standard input. Several captures
    are one run: name all that were taken of the same trouble. With --cluster alone its files are compared with each
    other.
    """
    invocation.verbose = verbose
    context = click.get_current_context()
    settings = settings_of(context)
    if verbose and ORIGIN in context.meta:
        complain(f"options are also taken from {context.meta[ORIGIN]}")
    if not captures and not cluster_files:
        raise click.UsageError("Missing argument 'CAPTURE...'.")
    if verbose and quiet:
        raise click.UsageError("-v and -q exclude each other.")
    require_readable_standard_input(captures)
    require_points_of_captures(points, captures)
    require_agreement(ipip_modes)
    if from_ns is not None and to_ns is not None and from_ns > to_ns:
        raise click.UsageError("--from is later than --to.")
    heeded = _heeded(output_format)
    for name, value in (("table", table), ("max_bytes", max_bytes)):
        on_command_line = context.get_parameter_source(name) is ParameterSource.COMMANDLINE
        if value is not None and on_command_line and name not in heeded:
            raise click.UsageError(f"--{name.replace('_', '-')} means nothing to -f {output_format}.")
    tables = _tables(output, table, holds_one="table" in heeded)

    # here, since it imports numpy and pandas
    from ipipdiag.cluster.endpoints import UnknownNameError
    from ipipdiag.run import RunOptions, analyze

    redactor = _redactor(redact_key, wanted=redact)
    run_options = RunOptions(
        captures=captures,
        points=points,
        ipip_modes=ipip_modes,
        pod_cidrs=pod_cidrs,
        nodes=nodes,
        only=only,
        skip=skip,
        max_frames=max_frames,
        duration=duration,
        cluster_files=cluster_files,
        from_ns=from_ns,
        to_ns=to_ns,
        hosts=hosts,
        settings=settings,
        thresholds=Thresholds(**dict(thresholds)),
        with_exhibits=draws(output_format),
    )
    try:
        with shown_progress(is_wanted=not quiet) as progress, stop_on_interrupt() as is_stopped:
            report = analyze(run_options, progress, is_stopped)
    except UnknownNameError as unknown:
        raise click.UsageError(f"--host {unknown}") from None
    sources = {entry.id: entry.name for entry in report.inputs}
    if redactor is not None:
        redactor.learn(report.secrets)
        report = replace(redactor.within(report), secrets=frozenset())
    if evidence is not None:
        _write_evidence(evidence, report, sources, redactor)
    for error in report.errors:
        complain(f"{error.name}: {error.error}")
    detail = Detail.FULL if verbose else Detail.BRIEF if quiet else Detail.NORMAL
    presentation = replace(presentation_for(output, detail), max_bytes=max_bytes)
    for name in tables:
        target = output if len(tables) == 1 else str(Path(output or "") / f"{name}.{output_format}")
        write(render(output_format, report, replace(presentation, table=name)), target)
    return exit_code(report, fail_on, strict=strict)


def exit_code(report: Report, fail_on: str, *, strict: bool) -> ExitCode:
    """3 where no input was read, or with ``strict`` not all; 1 where a finding is at or above ``fail_on``; else 0."""
    refused = any(error.fatal for error in report.errors)
    nothing_read = not report.inputs and not any(check.examined for check in report.checks)
    if refused and (strict or nothing_read):
        return ExitCode.UNREADABLE
    if fail_on == "never":
        return ExitCode.OK
    least = Severity(fail_on).rank
    found = any(entry.finding.severity.rank <= least for entry in report.findings)
    return ExitCode.FINDINGS if found else ExitCode.OK


def _redactor(key_file: Path | None, *, wanted: bool) -> Redactor | None:
    """What replaces addresses and names, by the key of a file or one of this run; None where nothing is redacted."""
    if key_file is None and not wanted:
        return None
    from ipipdiag.redaction.key import KeyFileError, load_key
    from ipipdiag.redaction.redactor import Redactor

    try:
        return Redactor(load_key(key_file) if key_file is not None else None)
    except KeyFileError as error:
        raise click.UsageError(str(error)) from None


def _write_evidence(path: str, report: Report, sources: Mapping[str, str], redactor: Redactor | None) -> None:
    from ipipdiag.evidence.write import write_evidence

    content, problems = write_evidence(report, sources, redactor.frame if redactor else None)
    for line in problems:
        complain(redactor.text(line) if redactor else line)
    write(content, path)


def _heeded(output_format: str) -> frozenset[str]:
    """What of a presentation a format heeds; one that cannot be written here ends the run before it begins."""
    try:
        return options_of(output_format)
    except FormatUnavailableError as error:
        raise HelperMissingError(str(error)) from None


def _tables(output: str | None, table: str | None, *, holds_one: bool) -> tuple[str, ...]:
    """The tables to write, each to a file of its own: all of them where the output is a folder."""
    one = (table or TABLES[0],)
    if output is None:
        return one
    require_folder_of(output)
    if not Path(output).is_dir():
        return one
    if not holds_one:
        raise click.UsageError(f"-o {output}: is a folder; name a file.")
    if table is not None:
        raise click.UsageError(f"-o {output}: a folder gets all tables; name a file for --table {table}.")
    return TABLES
