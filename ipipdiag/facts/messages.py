"""The rare kinds, kept message by message: ARP, ICMP errors with what they quote, routes announced by BGP."""

from __future__ import annotations

from typing import Generic, TypeVar

import numpy as np
import numpy.typing as npt

from ipipdiag.decode.packets import Decoded
from ipipdiag.table import Table

MESSAGE_LIMIT = 200_000  # of one kind at one point; the rest is counted


class IcmpReports(Table):
    """ICMP errors: who reports what to whom about which packet.

    ``quoted_outer_*`` is set where the quoted packet is a tunnel packet, ``quoted_*`` is then the packet inside it.
    """

    number: npt.NDArray[np.int64]
    time_ns: npt.NDArray[np.int64]
    tunnel: npt.NDArray[np.int64]  # how the ICMP message itself is wrapped
    outer_source: npt.NDArray[np.int64]
    outer_destination: npt.NDArray[np.int64]
    source_mac: npt.NDArray[np.int64]
    reporter: npt.NDArray[np.int64]
    receiver: npt.NDArray[np.int64]
    ttl: npt.NDArray[np.int64]
    type: npt.NDArray[np.int64]
    code: npt.NDArray[np.int64]
    next_hop_mtu: npt.NDArray[np.int64]
    quoted_outer_protocol: npt.NDArray[np.int64]  # 0: the quoted packet is not a tunnel packet
    quoted_outer_source: npt.NDArray[np.int64]
    quoted_outer_destination: npt.NDArray[np.int64]
    quoted_outer_total_length: npt.NDArray[np.int64]
    quoted_header_length: npt.NDArray[np.int64]
    quoted_source: npt.NDArray[np.int64]
    quoted_destination: npt.NDArray[np.int64]
    quoted_protocol: npt.NDArray[np.int64]
    quoted_total_length: npt.NDArray[np.int64]
    quoted_source_port: npt.NDArray[np.int64]
    quoted_destination_port: npt.NDArray[np.int64]


def icmp_report_rows(decoded: Decoded) -> IcmpReports:
    """The batch's ICMP errors, each with the headers of the packet that carries it."""
    errors, packets, rows = decoded.icmp_errors, decoded.packets, decoded.icmp_errors.row
    own = {name: getattr(errors, name).astype(np.int64) for name in IcmpReports.column_names() if hasattr(errors, name)}
    carried = {
        name: getattr(packets, name)[rows].astype(np.int64)
        for name in ("tunnel", "outer_source", "outer_destination", "source_mac")
    }
    return IcmpReports(
        **(own | carried),
        reporter=packets.inner_source[rows].astype(np.int64),
        receiver=packets.inner_destination[rows].astype(np.int64),
        ttl=packets.inner_ttl[rows].astype(np.int64),
    )


TableT = TypeVar("TableT", bound=Table)


class MessageLog(Generic[TableT]):
    """Rows in the order of the frames, up to MESSAGE_LIMIT; the rest is counted in ``left_out``."""

    def __init__(self, table: type[TableT]) -> None:
        self._table = table
        self._parts: list[TableT] = []
        self._kept = 0
        self.left_out = 0

    def add(self, rows: TableT) -> None:
        """Append the rows of one batch."""
        kept = rows.select(slice(MESSAGE_LIMIT - self._kept))
        self.left_out += len(rows) - len(kept)
        self._kept += len(kept)
        if len(kept):
            self._parts.append(kept.copy())

    def finish(self) -> TableT:
        """All rows kept."""
        return self._table.concatenate(self._parts) if self._parts else self._table.empty()
