"""Ctrl-C while captures are read: the first ends the reading, and what was read is reported; the second ends all."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

NOTE = b"\nipipdiag: stopped; what was read so far is reported (Ctrl-C again ends at once)\n"
STANDARD_ERROR = 2


@contextmanager
def stop_on_interrupt() -> Iterator[Callable[[], bool]]:
    """Gives a function that says whether Ctrl-C was pressed; the usual handling comes back with the first one."""
    pressed = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield pressed.is_set  # only the main thread can handle signals
        return
    before = signal.getsignal(signal.SIGINT)

    def stop(number: int, frame: FrameType | None) -> None:
        pressed.set()
        signal.signal(signal.SIGINT, before)
        os.write(STANDARD_ERROR, NOTE)  # a buffered stream may be in use at this moment

    signal.signal(signal.SIGINT, stop)
    try:
        yield pressed.is_set
    finally:
        signal.signal(signal.SIGINT, before)
