"""Text from captures inside Markdown (CommonMark with GitHub's tables): shown as it is, never taken for markup.

Everything that is not our own goes through one of :func:`escaped`, :func:`code` and :func:`fence`. All three sanitise
first, so that what they return is one line a line given.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from ipipdiag.report.layout import shell_lines
from ipipdiag.report.sanitise import visible

# what can open or close a construct anywhere in a line; "_" only where it is not inside a word, ":" and "." only where
# they would make an address of the web
_MARKUP = re.compile(r"[\\`*\[\]<>&|~#$^]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])|!(?=\[)|:(?=//)|(?<=\bwww)\.|@", re.I)
_LINE_START = re.compile(r"^(\d{0,9})(?=[-+=](?!\d)|(?<=\d)[.)](?:\s|$))")
_COMMAND_WIDTH = 100


def escaped(text: str) -> str:
    """Text that a Markdown reader shows as given: in a paragraph, a heading, a list item or a cell of a table."""
    safe = _MARKUP.sub(r"\\\g<0>", visible(text).strip())
    return _LINE_START.sub(r"\1\\", safe)


def code(text: str) -> str:
    """Text in a code span; never in a table, where a pipe would end the cell."""
    content = visible(text).strip() or " "
    ticks = "`" * (_longest_run(content) + 1)
    pad = " " if content.startswith("`") or content.endswith("`") else ""
    return f"{ticks}{pad}{content}{pad}{ticks}"


def fence(lines: Iterable[str], language: str = "") -> str:
    """Lines as a code block, to be copied."""
    content = "\n".join(map(visible, lines))
    ticks = "`" * max(_longest_run(content) + 1, 3)
    return f"{ticks}{language}\n{content}\n{ticks}\n"


def commands(texts: Iterable[str]) -> str:
    """Shell commands as one code block, each comment on a line before its command."""
    return fence((line for text in texts for line in shell_lines(visible(text), _COMMAND_WIDTH)), "sh")


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; the cells are escaped here, the heads are our own."""
    lines = [heads, ["---"] * len(heads), *([escaped(cell) for cell in row] for row in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _longest_run(text: str) -> int:
    return max(map(len, re.findall("`+", text)), default=0)
