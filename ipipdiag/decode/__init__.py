"""From frames to one table of columns, a row a frame."""

from ipipdiag.decode.frames import decode
from ipipdiag.decode.packets import Decoded, Packets

__all__ = ["Decoded", "Packets", "decode"]
