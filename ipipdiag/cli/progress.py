"""Progress of long work, on standard error and only where that is a terminal: file, bytes, rate, time left."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

from ipipdiag.report.sanitise import visible

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

PATIENCE = 0.7  # seconds that a run may take before its progress is shown


@contextmanager
def shown_progress(*, is_wanted: bool) -> Iterator[Callable[[str, int], None] | None]:
    """Gives a function to be told a file and how many of its bytes are read; None where nothing is to be shown."""
    if not is_wanted or sys.stderr is None or not sys.stderr.isatty():
        yield None
        return
    bar = _Bar()
    try:
        yield bar.update
    finally:
        bar.close()


class _Bar:
    """One line, from the moment on at which the work has become long."""

    def __init__(self) -> None:
        self._begun = time.monotonic()
        self._progress: Progress | None = None
        self._task: TaskID | None = None
        self._name = ""

    def update(self, name: str, bytes_read: int) -> None:
        """Show that so many bytes of a file are read."""
        if time.monotonic() - self._begun < PATIENCE:
            return
        if self._progress is None:
            self._progress = _line()
            self._progress.start()
        if self._task is None or name != self._name:
            if self._task is not None:
                self._progress.remove_task(self._task)
            self._name = name
            self._task = self._progress.add_task(visible(PurePath(name).name), total=_size(name))
        self._progress.update(self._task, completed=bytes_read)

    def close(self) -> None:
        """Take the line away."""
        if self._progress is not None:
            self._progress.stop()


def _line() -> Progress:
    # here, since only long work on a terminal needs it
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )


def _size(name: str) -> int | None:
    """Bytes of a regular file; None for a pipe, whose end nobody knows."""
    path = Path(name)
    return path.stat().st_size if path.is_file() else None
