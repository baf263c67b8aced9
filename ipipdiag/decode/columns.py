"""The types of columns, and columns in which nothing is known yet."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ipipdiag.kinds import ABSENT_MAC, Layer, PacketType, StopReason

Bool = npt.NDArray[np.bool_]
U8 = npt.NDArray[np.uint8]
U16 = npt.NDArray[np.uint16]
U32 = npt.NDArray[np.uint32]
I16 = npt.NDArray[np.int16]
I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]
Columns = dict[str, npt.NDArray[Any]]

_DTYPES: dict[str, type[np.generic]] = {
    "Bool": np.bool_, "U8": np.uint8, "U16": np.uint16, "U32": np.uint32,
    "I16": np.int16, "I32": np.int32, "I64": np.int64, "Positions": np.int64,
}  # fmt: skip
# what stands in a column where it does not apply; 0 in those not named
ABSENT: dict[str, int] = {
    **dict.fromkeys(("source_mac", "destination_mac"), ABSENT_MAC),
    **dict.fromkeys(("interface_index", "hardware_type", "vlan_id", "vni"), -1),
    **dict.fromkeys(("source_port", "destination_port", "payload_length", "dns_id"), -1),
    **dict.fromkeys(("tcp_window", "tcp_mss", "tcp_window_scale", "tcp_timestamp", "tcp_timestamp_echo"), -1),
    **dict.fromkeys(("icmp_type", "icmp_code", "icmp_id", "icmp_sequence"), -1),
    "packet_type": PacketType.UNKNOWN,
}


def blank(table: type[Any], count: int) -> Columns:
    """The columns that a class annotates with the types above, ``count`` rows of each, where nothing applies."""
    return {
        name: np.full(count, ABSENT.get(name, 0), dtype=_DTYPES[of])
        for name, of in table.__annotations__.items()
        if of in _DTYPES
    }


@dataclass(frozen=True, slots=True)
class Stops:
    """Where and why decoding stopped, a row a frame."""

    layer: U8  # Layer
    reason: U8  # StopReason

    def put(self, rows: npt.NDArray[np.intp], layer: Layer, reason: StopReason | U8) -> None:
        """Stop some rows at a layer, for one reason or each for its own."""
        self.layer[rows] = layer
        self.reason[rows] = reason
