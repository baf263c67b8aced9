"""Where reports and messages go: standard output or a file that appears whole, and lines on standard error."""

from __future__ import annotations

import errno
import os
import shutil
import sys
from pathlib import Path

import click

from ipipdiag.cli.exits import OutputError
from ipipdiag.report.presentation import MAXIMUM_WIDTH, Detail, Presentation, fitting_width
from ipipdiag.report.sanitise import visible


def complain(message: str) -> None:
    """One line on standard error; nothing if that is closed."""
    try:
        click.echo(f"ipipdiag: {visible(message)}", err=True)
    except OSError:
        silence(sys.stderr.fileno())


def presentation_for(path: str | None, detail: Detail) -> Presentation:
    """How text is shown: as wide as the terminal up to 100 columns, in colour only there and unless NO_COLOR is set."""
    if path is not None or not _is_terminal():
        return Presentation(MAXIMUM_WIDTH, colour=False, detail=detail)
    plain = bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM") == "dumb"
    return Presentation(fitting_width(shutil.get_terminal_size((MAXIMUM_WIDTH, 24)).columns), not plain, detail)


def write(content: bytes, path: str | None) -> None:
    """Write to a file (None: standard output); OutputError where that fails.

    A file is written beside its place and renamed, so that a reader never sees half a report; what is no regular file
    (a device, a pipe) is written to directly. A reader that closes standard output early is no error.
    """
    try:
        if path is None:
            _write_to_standard_output(content)
        elif Path(path).exists() and not Path(path).is_file():
            Path(path).write_bytes(content)
        else:
            _replace(Path(os.path.realpath(path)), content)
    except OSError as error:
        name = path if path is not None else "standard output"
        raise OutputError(f"{name}: cannot be written ({error.strerror or error})") from None


def silence(descriptor: int) -> None:
    """Point a broken standard stream at nothing, so that Python does not complain about it at the end."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, descriptor)
    os.close(null)


def _is_terminal() -> bool:
    return sys.stdout is not None and sys.stdout.isatty()


def _write_to_standard_output(content: bytes) -> None:
    if sys.stdout is None:  # Python's way to say that the shell closed it
        raise OSError(errno.EBADF, "it is closed")
    stream = sys.stdout.buffer
    try:
        stream.write(content)
        stream.flush()
    except BrokenPipeError:
        silence(stream.fileno())


def _replace(path: Path, content: bytes) -> None:
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        beside.write_bytes(content)
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
