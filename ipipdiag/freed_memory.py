"""Memory that a program has freed and its C library keeps: given back before more of another kind is asked for.

Building facts frees hundreds of MiB in arrays of all sizes, among which lie those that stay. glibc gives back what is
at the end of its heap alone, unless it is told to look everywhere.
"""

from __future__ import annotations

import sys
from contextlib import suppress

KEPT_MIB = 300  # at the peak: up to there what is freed is not worth the look, which takes tens of milliseconds


def give_back() -> None:
    """Give back what is freed, where a run has taken much memory and the C library can do so."""
    if not sys.platform.startswith("linux"):
        return
    import resource

    if resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < KEPT_MIB << 10:
        return
    with suppress(ImportError, OSError, AttributeError):  # no ctypes, or a C library without it
        import ctypes

        ctypes.CDLL(None).malloc_trim(0)
