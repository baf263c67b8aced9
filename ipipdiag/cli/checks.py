"""``ipipdiag checks`` lists all checks; ``ipipdiag explain CODE`` prints the page of one."""

from __future__ import annotations

import itertools
import shutil
import sys
import textwrap

import click

from ipipdiag.checks.catalogue import OWN, all_checks
from ipipdiag.checks.model import Check
from ipipdiag.checks.viewpoints import TITLES, Sight, sight_of
from ipipdiag.cli.completion import complete_code
from ipipdiag.cli.options import ROLES, check_code
from ipipdiag.cli.output import write
from ipipdiag.points.commands import capture_command
from ipipdiag.points.model import Role
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
    "checks of other packages",
)
OTHERS = len(FAMILIES) - 1
_INDENT = 8


@click.command(short_help="List all checks.")
@click.option(
    "role",
    "--point",
    type=click.Choice(ROLES),
    metavar="ROLE",
    help=f"What a capture at one point can show, and what it cannot: {', '.join(ROLES)}.",
)
def checks(role: str | None) -> int:
    """List all checks: code, name, highest severity, where they can judge, and what they judge."""
    write(_text(_all() if role is None else _at_point(Role(role))), None)
    return 0


def _all() -> list[str]:
    width = _width()
    lines: list[str] = []
    for family, members in itertools.groupby(all_checks(), key=_family):
        lines += [
            f"{family} - {FAMILIES[family]}" if family < OTHERS else FAMILIES[family],
            *(line for check in members for line in _entry(check, width)),
            "",
        ]
    return lines


def _at_point(role: Role) -> list[str]:
    """What a capture at one point shows by itself, what with a second one, and what elsewhere, with the commands."""
    title = TITLES[role]
    by_sight: dict[Sight, list[Check]] = {sight: [] for sight in Sight}
    for check in all_checks():
        by_sight[sight_of(check, role)].append(check)
    lines = [title[:1].upper() + title[1:], f"   {_capture(role)}", ""]
    lines += [f"Judged from {title} alone", *(_brief(check) for check in by_sight[Sight.ALONE]), ""]
    if together := by_sight[Sight.WITH_ANOTHER]:
        lines += ["Judged with captures of a second point at the same time"]
        lines += [_brief(check, check.points) for check in together] + [""]
    elsewhere = by_sight[Sight.ELSEWHERE]
    if elsewhere:
        lines += ["Not judged here; where it is"]
        lines += [_brief(check, check.points) for check in elsewhere] + [""]
    others = [
        other
        for other in (Role.NODE, Role.TUNL0, Role.CALI, Role.POD)
        if other is not role and any(sight_of(check, other) is not Sight.ELSEWHERE for check in (*elsewhere, *together))
    ]
    if others:
        lines += ["The captures that would show the rest"]
        lines += [f"   {other.value:<7} {_capture(other)}" for other in others] + [""]
    files = by_sight[Sight.FILES]
    lines += ["Judged from cluster files, whatever was captured (calicoctl cluster diags; then: --cluster ARCHIVE)"]
    return [*lines, *(_brief(check) for check in files)]


def _brief(check: Check, where: str = "") -> str:
    return f"{check.code} {check.name:<30} {check.severity.value:<9} {where}".rstrip()


def _capture(role: Role) -> str:
    """The capture of a point, of any pod where it is a pod's."""
    command = capture_command(role)
    return f"{command} -y LINUX_SLL2" if role is Role.ANY else command


@click.command(
    short_help="Print the page of a check.",
    epilog="\b\nExamples:\n  ipipdiag explain IPD6001\n  ipipdiag explain ProtocolFourBlocked",
)
@click.argument("code", metavar="CODE", type=check_code, shell_complete=complete_code)
def explain(code: str) -> int:
    """Print the page of a check, given by its code or its name: what it expects, what can mislead, what to do."""
    check = next(check for check in all_checks() if check.code == code)
    heading = f"{check.code} {check.name}"
    facts = f"up to {check.severity.value} · judged at: {check.points}"
    summary = check.page.removeprefix(f"{check.name}: ")
    body = _reflowed(summary[:1].upper() + summary[1:], _width())
    write(_text([heading, facts, "", *body]), None)
    return 0


def _family(check: Check) -> int:
    return int(check.code[3]) if check.code.startswith(OWN) else OTHERS


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
    if sys.stdout is None or not sys.stdout.isatty():
        return MAXIMUM_WIDTH
    return fitting_width(shutil.get_terminal_size((MAXIMUM_WIDTH, 24)).columns)


def _text(lines: list[str]) -> bytes:
    return ("\n".join(lines).rstrip() + "\n").encode()
