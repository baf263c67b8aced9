"""From bytes to frames: pcap and pcapng, compressed or not, from files, folders and standard input."""

from ipipdiag.capture.files import Capture, find_captures, open_capture
from ipipdiag.capture.model import (
    CaptureError,
    CaptureSummary,
    Damage,
    DamageKind,
    FrameBatch,
    Frames,
    Interface,
    InterfaceStatistics,
)
from ipipdiag.capture.reader import Limits

__all__ = [
    "Capture",
    "CaptureError",
    "CaptureSummary",
    "Damage",
    "DamageKind",
    "FrameBatch",
    "Frames",
    "Interface",
    "InterfaceStatistics",
    "Limits",
    "find_captures",
    "open_capture",
]
