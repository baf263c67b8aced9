"""Networks that something is told of, looked up by an address of theirs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from ipaddress import IPv4Network
from typing import Generic, TypeVar

ValueT = TypeVar("ValueT")


class Prefixes(Generic[ValueT]):
    """Values by their networks: a look-up takes as long as there are prefix lengths, not as there are networks."""

    def __init__(self, entries: Iterable[tuple[IPv4Network, ValueT]]) -> None:
        by_length: dict[int, dict[int, list[ValueT]]] = {}
        for network, value in entries:
            of_length = by_length.setdefault(network.prefixlen, {})
            of_length.setdefault(int(network.network_address), []).append(value)
        self._by_mask = [
            ((-1 << (32 - length)) & 0xFFFFFFFF, networks)
            for length, networks in sorted(by_length.items(), reverse=True)
        ]

    def holding(self, address: int) -> Iterator[list[ValueT]]:
        """The values of each network that holds an address, the most specific first, those of one in their order."""
        for mask, networks in self._by_mask:
            values = networks.get(address & mask)
            if values is not None:
                yield values
