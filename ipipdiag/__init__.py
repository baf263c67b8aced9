"""ipipdiag: what Calico's IP-in-IP should have done, beside what packet captures show.

From Python: ``ipipdiag.analyze("a.pcap")`` returns the report; see :mod:`ipipdiag.api`.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ipipdiag.api import Report, analyze

__version__ = "0.1.0"
__all__ = ["Report", "__version__", "analyze"]


def __getattr__(name: str) -> Any:
    """What needs numpy and pandas is imported when it is first used: the package alone is imported at once."""
    if name in ("Report", "analyze"):
        return getattr(importlib.import_module("ipipdiag.api"), name)
    raise AttributeError(f"module 'ipipdiag' has no attribute {name!r}")
