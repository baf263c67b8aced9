"""Commands and filters stay copyable, however narrow the page."""

from __future__ import annotations

import shlex

import pytest

from ipipdiag.report.layout import Page, shell_lines, styled
from ipipdiag.report.presentation import Presentation

TCPDUMP = (
    "timeout 30 tcpdump -ni eth0 -s 160 -w node.pcap"
    " 'ip proto 4 or arp or icmp or tcp port 179 or (vlan and ip proto 4)'  # on node-a, while the pod pings"
)


def test_a_short_command_stays_on_its_line() -> None:
    assert shell_lines("nc -vz 10.50.10.33 179", 80) == ["nc -vz 10.50.10.33 179"]


@pytest.mark.parametrize("width", [40, 80, 88, 100, 200])
def test_a_broken_command_is_the_same_command(width: int) -> None:
    lines = shell_lines(TCPDUMP, width)
    joined = "\n".join(lines).replace("\\\n", "")  # what a shell does first
    assert shlex.split(joined, comments=True) == shlex.split(TCPDUMP, comments=True)
    assert all(len(line) <= width for line in lines if "'" not in line)


def test_a_quote_that_is_never_closed_loses_nothing() -> None:
    assert "".join(shell_lines("echo it's " + "word " * 30, 40)).replace(" ", "").replace("\\", "") == (
        "echoit's" + "word" * 30
    )


def test_a_filter_is_broken_only_behind_and() -> None:
    page = Page(Presentation(width=60))
    parts = ["ip.proto#1 == 4", "ip.src#1 == 10.50.10.34", "ip.dst#1 in {10.50.10.33, 10.50.10.35}"]
    page.display_filter(" && ".join(parts), 4)
    lines = bytes(page).decode().splitlines()
    assert len(lines) > 1
    assert all(line.endswith(" &&") for line in lines[:-1])
    assert " ".join(line.strip() for line in lines) == " && ".join(parts)


def test_wide_characters_count_twice() -> None:
    page = Page(Presentation(width=40))
    page.table([["节点", "x"], ["node", "y"]])
    assert bytes(page).decode().splitlines() == ["  节点  x", "  node  y"]


def test_nothing_is_markup_and_no_escape_gets_through() -> None:
    page = Page(Presentation(width=100))
    page.paragraph("[bold]x[/bold] :smile: \x1b[31m")
    page.field("Label", styled(("[link=http://x]", "red")))
    page.cells(["\x1b]0;title\x07"])
    page.table([["[red]", "\x1b[2J"]], notes=["\x9b2J"])
    page.command("echo \x1b[31m", 0)
    page.display_filter("frame.comment == \x1b", 0)
    text = bytes(page).decode()
    assert "[bold]x[/bold] :smile: \\x1b[31m" in text
    assert "\x1b" not in text
    assert "\x9b" not in text
    assert "\x07" not in text
