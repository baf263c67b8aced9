"""Tables of equal-length numpy columns: what frames are decoded to, and what facts are kept in.

A table is written like a frozen dataclass whose fields are one-dimensional arrays, a row an entry. It is the one
container that decoding, facts and checks share; pandas sees it through :meth:`Table.to_frame`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn, Self, TypeAlias, dataclass_transform

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import pandas as pd

Rows: TypeAlias = npt.NDArray[np.bool_] | npt.NDArray[np.intp] | slice | list[int]


@dataclass_transform(frozen_default=True, eq_default=False)
class Table:
    """Base of all tables; a subclass declares its columns as fields, each an array with one entry a row.

    To make dataclasses of some thirty tables, with the methods that arrays have no use for, would take a tenth of the
    time in which a capture of fifty frames is analysed.
    """

    _names: ClassVar[tuple[str, ...]]

    def __init_subclass__(cls) -> None:
        cls._names = tuple(cls.__annotations__)

    def __init__(self, *values: npt.NDArray[Any], **columns: npt.NDArray[Any]) -> None:
        columns |= zip(self._names, values, strict=False)
        if columns.keys() != set(self._names):
            raise TypeError(f"{type(self).__name__} has the columns {', '.join(self._names)}")
        self.__dict__.update((name, columns[name]) for name in self._names)

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"a table is not changed: {type(self).__name__}.{name}")

    @classmethod
    def column_names(cls) -> tuple[str, ...]:
        """Names of the columns, in the order of declaration."""
        return cls._names

    @classmethod
    def empty(cls) -> Self:
        """The table with no rows."""
        return cls(**{name: np.zeros(0, dtype=np.int64) for name in cls.column_names()})

    @classmethod
    def concatenate(cls, tables: Sequence[Self]) -> Self:
        """One table with the rows of ``tables`` in their order; ``tables`` must not be empty."""
        if len(tables) == 1:
            return tables[0]
        return cls(**{name: np.concatenate([getattr(table, name) for table in tables]) for name in cls.column_names()})

    def columns(self) -> dict[str, npt.NDArray[Any]]:
        """The columns by name."""
        return self.__dict__.copy()

    def with_columns(self, **columns: npt.NDArray[Any]) -> Self:
        """The same rows with other values in some columns."""
        return type(self)(**(self.__dict__ | columns))

    def select(self, rows: Rows) -> Self:
        """The table of some rows: by mask, by positions (in their order), or by slice."""
        if isinstance(rows, list):
            rows = np.array(rows, dtype=np.intp)
        if isinstance(rows, np.ndarray) and rows.dtype == np.bool_:
            if rows.all():
                return self
            rows = np.flatnonzero(rows)  # a mask is searched once, not once a column
        return type(self)(**{name: column[rows] for name, column in self.columns().items()})

    def copy(self) -> Self:
        """The same rows in memory of their own, for what is kept longer than the batch they come from."""
        return type(self)(**{name: column.copy() for name, column in self.columns().items()})

    def rows(self, *names: str) -> Iterator[tuple[Any, ...]]:
        """The values of some columns, row by row, as plain Python values; for tables that are small."""
        return zip(*(getattr(self, name).tolist() for name in names), strict=True)

    def positions_by(self, chosen: npt.NDArray[np.bool_], *names: str) -> dict[tuple[Any, ...], list[int]]:
        """The positions of the chosen rows by their values in some columns, in the order of the rows."""
        found: dict[tuple[Any, ...], list[int]] = {}
        positions = np.flatnonzero(chosen)
        columns = (getattr(self, name)[positions].tolist() for name in names)
        for position, values in zip(positions.tolist(), zip(*columns, strict=True), strict=True):
            found.setdefault(values, []).append(position)
        return found

    def to_frame(self) -> pd.DataFrame:
        """The one-dimensional columns as a pandas DataFrame; ``_ns`` stays int64 (nanoseconds since 1970, UTC)."""
        import pandas as pd

        return pd.DataFrame({name: column for name, column in self.columns().items() if column.ndim == 1}, copy=False)

    def __len__(self) -> int:
        return len(getattr(self, self.column_names()[0]))


def distinct(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The distinct values, rising. ``np.unique`` hashes them first: of millions of integers that takes ten times as
    long as to sort them.
    """
    ordered = np.sort(values)
    return ordered[np.concatenate([[True], ordered[1:] != ordered[:-1]])] if len(ordered) else ordered


def is_among(values: npt.NDArray[Any], wanted: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    """Which values are among those wanted; as ``np.isin``, which takes ten times as long where both are many, for it
    hashes them as ``np.unique`` does.
    """
    ordered = np.sort(wanted)
    if len(ordered) == 0:
        return np.zeros(len(values), dtype=np.bool_)
    found: npt.NDArray[np.bool_] = ordered[np.minimum(np.searchsorted(ordered, values), len(ordered) - 1)] == values
    return found
