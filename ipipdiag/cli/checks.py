"""``ipipdiag checks`` lists all checks; ``ipipdiag explain CODE`` prints the page of one."""

from __future__ import annotations

import itertools
import shutil
import sys
import textwrap

import click

from ipipdiag.checks.catalogue import all_checks, planned
from ipipdiag.checks.model import Check
from ipipdiag.cli.options import check_code
from ipipdiag.cli.output import write
from ipipdiag.report.presentation import MAXIMUM_WIDTH, fitting_width

FAMILIES = (
    "the capture itself",
    "gateway and ARP",
    "encapsulation",
    "routes and address blocks",
    "BGP",
    "MTU and fragments",
    "delivery, firewall, policy",
    "address translation and services",
    "transport and performance",
    "configuration",
)
_INDENT = 8


@click.command(short_help="List all checks.")
def checks() -> int:
    """List all checks: code, name, highest severity, where they can judge, and what they judge."""
    width = _width()
    lines = []
    for family, members in itertools.groupby(all_checks(), key=lambda check: int(check.code[3])):
        lines += [f"{family} - {FAMILIES[family]}", *(line for check in members for line in _entry(check, width)), ""]
    if unbuilt := planned():
        lines.append("Not built yet (reported as not checked)")
        lines += [f"{entry.code} {entry.name:<30} {entry.severity.value}" for entry in unbuilt]
    write(_text(lines), None)
    return 0


@click.command(short_help="Print the page of a check.")
@click.argument("code", metavar="CODE", type=check_code)
def explain(code: str) -> int:
    """Print the page of a check, given by its code or its name: what it expects, what can mislead, what to do."""
    check = next((check for check in all_checks() if check.code == code), None)
    if check is not None:
        heading = f"{check.code} {check.name}"
        facts = f"up to {check.severity.value} · judged at: {check.points}"
        summary = check.page.removeprefix(f"{check.name}: ")
        body = _reflowed(summary[:1].upper() + summary[1:], _width())
    else:
        entry = next(entry for entry in planned() if entry.code == code)
        heading, facts = f"{entry.code} {entry.name}", f"up to {entry.severity.value}"
        body = ["This check is not built yet: a report names it as not checked, never as passed."]
    write(_text([heading, facts, "", *body]), None)
    return 0


def _entry(check: Check, width: int) -> list[str]:
    head = f"{check.code} {check.name:<30} {check.severity.value:<9} {check.points}"
    return [head, *textwrap.wrap(check.summary, width, initial_indent=" " * _INDENT, subsequent_indent=" " * _INDENT)]


def _reflowed(page: str, width: int) -> list[str]:
    """A docstring's paragraphs wrapped to the width; a line that begins with a dash or a number starts a new one."""
    lines: list[str] = []
    paragraph: list[str] = []
    for line in [*page.replace("``", "`").splitlines(), ""]:
        text = line.strip()
        starts_item = text.startswith(("- ", "* ")) or text[:2].rstrip(".").isdigit()
        same_indent = paragraph and _indent(line) >= _indent(paragraph[0])
        if paragraph and (not text or starts_item or not same_indent or _indent(paragraph[0]) == 0):
            lines += _wrapped(paragraph, width)
            paragraph = []
        if text:
            paragraph.append(line)
        else:
            lines.append("")
    return lines[:-1]


def _wrapped(paragraph: list[str], width: int) -> list[str]:
    indent = " " * _indent(paragraph[0])
    text = " ".join(line.strip() for line in paragraph)
    hanging = indent + ("  " if text.startswith(("- ", "* ")) else "")
    return textwrap.wrap(
        text, width, initial_indent=indent, subsequent_indent=hanging, break_long_words=False, break_on_hyphens=False
    )


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _width() -> int:
    if not sys.stdout.isatty():
        return MAXIMUM_WIDTH
    return fitting_width(shutil.get_terminal_size((MAXIMUM_WIDTH, 24)).columns)


def _text(lines: list[str]) -> bytes:
    return ("\n".join(lines).rstrip() + "\n").encode()
