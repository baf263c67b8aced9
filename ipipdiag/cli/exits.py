"""Exit codes, and the errors that end a command with one of them.

CommandError            a line on standard error, and an exit code
├── OutputError         the report cannot be written
├── UnreadableError     nothing of the input can be read
└── HelperMissingError  a program or library that the command needs is not installed
"""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """What a script may rely on; the same for every output format."""

    OK = 0
    FINDINGS = 1  # something at or above --fail-on
    USAGE = 2
    UNREADABLE = 3  # no input could be read, or with --strict one of them
    HELPER_MISSING = 5
    BUG = 70
    INTERRUPTED = 130


class CommandError(Exception):
    """Ends a command: its text is one line for standard error."""

    code = ExitCode.USAGE


class OutputError(CommandError):
    """The report was made and cannot be written."""


class UnreadableError(CommandError):
    """Nothing of the input can be read."""

    code = ExitCode.UNREADABLE


class HelperMissingError(CommandError):
    """A program or library that the command needs is not installed, or cannot be run."""

    code = ExitCode.HELPER_MISSING
