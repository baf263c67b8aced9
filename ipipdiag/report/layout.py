"""Lines of text that fit a width: headings, labelled paragraphs, commands and filters that stay copyable.

Everything shown is sanitised here, and goes to rich as ``Text``, never as markup.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Sequence

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from ipipdiag.report.presentation import Presentation
from ipipdiag.report.sanitise import visible

LABEL_WIDTH = 12
_LAST_COLUMN = 12  # the least room of a table's last column
_COMMENT = "  # "
_SHELL_WORDS = re.compile(r"""(?:[^\s'"]|'[^']*'|"[^"]*"|['"])+""")


def styled(*parts: str | tuple[str, str]) -> Text:
    """Sanitised text of several parts, each plain or with a style."""
    text = Text()
    for part in parts:
        content, style = (part, "") if isinstance(part, str) else part
        text.append(visible(content), style)
    return text


class Page:
    """Collects lines; ``bytes(page)`` is what to write. No line but an unbreakable word is wider than the page."""

    def __init__(self, presentation: Presentation) -> None:
        self.width = presentation.width
        self._file = io.StringIO()
        self._console = Console(
            file=self._file,
            width=presentation.width,
            color_system="standard" if presentation.colour else None,
            force_terminal=presentation.colour,
            no_color=not presentation.colour,
            markup=False,
            highlight=False,
            emoji=False,
            legacy_windows=False,
        )

    def __bytes__(self) -> bytes:
        return self._file.getvalue().encode()

    def blank(self) -> None:
        """An empty line."""
        self._file.write("\n")

    def heading(self, title: str) -> None:
        """A heading, with an empty line before it."""
        self.blank()
        self._write(styled((title, "bold")))

    def paragraph(self, content: str | Text, indent: int = 0, hanging: int = 0) -> None:
        """Wrapped text; lines after the first are indented by ``hanging`` more."""
        self._block(Text(" " * indent), content, indent + hanging)

    def field(self, label: str, content: str | Text, indent: int = 0) -> None:
        """A label in its column and wrapped text beside it."""
        self._block(self._label(label, indent), content, indent + LABEL_WIDTH)

    def railed(self, rail: str, content: str | Text, style: str = "") -> None:
        """Wrapped text behind a rail that is drawn once and then as a plain line: the way between two places."""
        text = styled(content) if isinstance(content, str) else content
        plain = "  │  " if rail.strip() else " " * cell_len(rail)
        for position, line in enumerate(
            text.wrap(self._console, max(self.width - cell_len(rail) - 2, 8), overflow="fold")
        ):
            line.rstrip()
            self._write(styled((rail if position == 0 else plain, style if position == 0 else "")) + Text("  ") + line)

    def verbatim(self, lines: Iterable[str], indent: int, label: str = "", style: str = "cyan") -> None:
        """Lines as they are, to be copied; the first may have a label before it."""
        for position, line in enumerate(lines):
            start = self._label(label, indent) if label and position == 0 else self._space(label, indent)
            self._write(start + styled((line, "dim" if line.startswith("# ") else style)))

    def command(self, command: str, indent: int, label: str = "") -> None:
        """A shell command, broken with backslashes where it is too wide; its comment on a line before it.

        Where a quoted word does not fit beside the label, the command stands below it.
        """
        room = self.width - indent - (LABEL_WIDTH if label else 0)
        lines = shell_lines(visible(command), room)
        if label and max(map(cell_len, lines)) > room:
            self._write(self._label(label, indent))
            lines, indent, label = shell_lines(visible(command), self.width - indent - 2), indent + 2, ""
        self.verbatim(lines, indent, label)

    def display_filter(self, expression: str, indent: int) -> None:
        """A Wireshark filter, broken only behind ``&&`` (Wireshark takes the line break for a space)."""
        self.verbatim(_fill(visible(expression).split(" && "), " &&", " ", self.width - indent), indent)

    def cells(self, items: Sequence[str], indent: int = 2) -> None:
        """Short items in as many columns as fit, read downwards."""
        texts = [visible(item) for item in items]
        cell = max((cell_len(text) for text in texts), default=0) + 3
        columns = max(1, (self.width - indent + 3) // cell)
        height = -(-len(texts) // columns)
        for row in range(height):
            padded = (text + " " * (cell - cell_len(text)) for text in texts[row::height])
            self._write(Text(" " * indent + "".join(padded).rstrip()))

    def table(
        self, rows: Sequence[Sequence[str]], indent: int = 2, right: Sequence[int] = (), notes: Sequence[str] = ()
    ) -> None:
        """Rows in aligned columns, the last one wrapped, each with its note below it.

        ``right`` are the columns aligned to the right; the notes begin under the second column. Where a cell is so long
        that the last column would have no room, each row is a paragraph instead.
        """
        texts = [[visible(cell) for cell in row] for row in rows]
        widths = [max(cell_len(row[column]) for row in texts) for column in range(len(texts[0]) - 1)]
        if indent + sum(widths) + 2 * len(widths) + _LAST_COLUMN > self.width:
            widths = [cell_len(texts[0][0])]
            texts = [[row[0], "  ".join(row[1:])] for row in texts]
        for position, row in enumerate(texts):
            start = " " * indent
            for column, width in enumerate(widths):
                space = " " * (width - cell_len(row[column]))
                start += (space + row[column] if column in right else row[column] + space) + "  "
            self._block(Text(start), Text(row[-1]), cell_len(start))
            if notes:
                self.paragraph(styled((notes[position], "dim")), indent + widths[0] + 2)

    @staticmethod
    def _label(label: str, indent: int) -> Text:
        return Text(" " * indent) + Text(label.ljust(LABEL_WIDTH), "dim")

    @staticmethod
    def _space(label: str, indent: int) -> Text:
        return Text(" " * (indent + (LABEL_WIDTH if label else 0)))

    def _block(self, start: Text, content: str | Text, indent: int) -> None:
        text = styled(content) if isinstance(content, str) else content
        room = max(self.width - max(indent, start.cell_len), 8)
        for position, line in enumerate(text.wrap(self._console, room, overflow="fold")):
            line.rstrip()
            self._write((start if position == 0 else Text(" " * indent)) + line)

    def _write(self, line: Text) -> None:
        line.rstrip()
        self._console.print(line, soft_wrap=True)


def shell_lines(command: str, width: int) -> list[str]:
    """A command as lines for a shell: a comment at its end first, then words joined by backslashes up to the width."""
    code, _, comment = command.partition(_COMMENT)
    note = _fill(comment.split(), "", " ", width - 2) if comment else []
    words = _SHELL_WORDS.findall(code)
    lines = _fill(words, " \\", " ", width - 4) if len(code) > width else [code.strip()]
    return [f"# {line}" for line in note] + [line if n == 0 else f"    {line}" for n, line in enumerate(lines)]


def _fill(pieces: Sequence[str], end: str, joint: str, width: int) -> list[str]:
    """Pieces joined greedily into lines of at most so many columns, each but the last closed by ``end``."""
    full_joint = joint if end in ("", " \\") else end + joint
    lines: list[str] = []
    line = ""
    for piece in pieces:
        longer = line + full_joint + piece if line else piece
        if line and cell_len(longer) + len(end) > width:
            lines.append(line + end)
            longer = piece
        line = longer
    return [*lines, line]
