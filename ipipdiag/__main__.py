"""The process that ``ipipdiag`` and ``python -m ipipdiag`` are."""

from __future__ import annotations

import gc
import sys
from typing import NoReturn

from ipipdiag.cli.main import main

GARBAGE = 50_000  # objects made since that are not gone, from which on Python looks for cycles among them; 700 else


def run() -> NoReturn:
    """Run the command line and exit with its code.

    What a run makes is tables of numbers, which no cycle holds: to look for cycles among what was imported, and at the
    end among everything, would take a twentieth of a run of a million frames.
    """
    gc.set_threshold(GARBAGE)
    code = main()
    gc.freeze()
    sys.exit(code)


if __name__ == "__main__":
    run()
