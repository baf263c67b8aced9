"""The TCP of one point by directed flow: each direction of a connection beside the other, whatever their forms."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ipipdiag.protocols import TCP

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from ipipdiag.facts.flows import Flows

    Column = npt.NDArray[Any]
    Int64 = npt.NDArray[np.int64]
    Index = npt.NDArray[np.intp]

ENDS = ("source", "destination", "source_port", "destination_port")


class TcpDirections:
    """The TCP rows of a table of flows, gathered by their 4-tuples.

    ``rows`` are their positions in the table, ``of_row`` the direction of each, ``back`` for each direction the other
    one of its connection, which may have no row. What is worked out of a column has one value a direction.
    """

    def __init__(self, flows: Flows) -> None:
        import numpy as np

        from ipipdiag.facts.groups import Groups

        self.rows: Index = np.flatnonzero(flows.protocol == TCP)
        self._ends: list[Int64] = [getattr(flows, name)[self.rows] for name in ENDS]
        source, destination, source_port, destination_port = self._ends
        # each direction as itself, and below as the other one of its connection, which counts for nothing there
        reverse = (destination, source, destination_port, source_port)
        self._groups = Groups.of([np.append(one, other) for one, other in zip(self._ends, reverse, strict=True)])
        self.of_row, other = np.split(self._groups.codes, 2)
        self.back: Index = np.zeros(len(self._groups), dtype=np.intp)
        self.back[self.of_row] = other
        self.back[other] = self.of_row

    def __len__(self) -> int:
        return len(self._groups)

    def total(self, column: Column) -> Int64:
        """The sum of a column of the flows; of a mask, how many rows are true."""
        return self._groups.total(self._with_nothing(column, 0))

    def smallest(self, column: Column, none: int) -> Int64:
        """The smallest value of a column of the flows; ``none``, larger than any, where a direction has no row."""
        return self._groups.smallest(self._with_nothing(column, none))

    def largest(self, column: Column, none: int) -> Int64:
        """The largest value of a column of the flows; ``none``, smaller than any, where a direction has no row."""
        return self._groups.largest(self._with_nothing(column, none))

    def _with_nothing(self, column: Column, none: int) -> Column:
        import numpy as np

        return np.append(column[self.rows], np.full(len(self.rows), none, dtype=np.int64))

    def ends(self, directions: Index) -> list[Int64]:
        """Source, destination and both ports of some directions that have rows."""
        return [column[self._groups.first[directions]] for column in self._ends]

    def rows_of(self, directions: Index) -> list[tuple[int, ...]]:
        """The positions in the table of the rows of some directions, each in their order."""
        import numpy as np

        ends = np.cumsum(np.bincount(self.of_row, minlength=len(self)))
        starts = np.append(0, ends[:-1])
        rows = tuple(self.rows[np.argsort(self.of_row, kind="stable")].tolist())
        spans = zip(starts[directions].tolist(), ends[directions].tolist(), strict=True)
        return [rows[start:end] for start, end in spans]
