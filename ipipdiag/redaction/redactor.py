"""One redaction over everything that is written: texts, tables of text, frames."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import fields, is_dataclass, replace
from enum import Enum
from ipaddress import IPv6Address
from typing import Any, TypeVar, cast

from ipipdiag.addresses import format_address, format_mac, parse_address, parse_mac
from ipipdiag.inspection.model import FrameRecord
from ipipdiag.redaction.addresses import AddressMap
from ipipdiag.redaction.frames import redact_frame
from ipipdiag.redaction.key import new_key
from ipipdiag.redaction.names import NameMap, Secret

T = TypeVar("T")

_IPV4 = re.compile(r"(?<![\d.])((?:\d{1,3}\.){3}\d{1,3})(?:/(\d{1,2}))?(?!\d|\.\d)")
_OCTET = r"(?:25[0-5]|2[0-4]\d|1?\d?\d)"
# in names of pods, nodes and block affinities
_DASHED_IPV4 = re.compile(rf"(?<!\d){_OCTET}(?:-{_OCTET}){{3}}(?!\d)")
_MAC = re.compile(r"(?<![0-9A-Fa-f:-])[0-9A-Fa-f]{2}(?:([:-])[0-9A-Fa-f]{2})(?:\1[0-9A-Fa-f]{2}){4}(?![0-9A-Fa-f:-])")
_IPV6 = re.compile(r"(?<![0-9A-Za-z:.])[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){2,7}(?![0-9A-Za-z:])")


class Redactor:
    """Replaces what tells whose network it is. The same key gives the same replacements, everywhere."""

    def __init__(self, key: bytes | None = None) -> None:
        key = key or new_key()
        self._addresses = AddressMap(key)
        self._names = NameMap(key)

    def learn(self, secrets: Iterable[Secret]) -> None:
        """Names that texts may hold; addresses and MACs are known by their form."""
        self._names.learn(secrets)

    def text(self, text: str) -> str:
        """The text with names, addresses and MACs in it replaced; a network keeps its prefix length."""
        text = self._names.replace(text)
        text = _MAC.sub(self._mac, text)
        text = _IPV6.sub(self._ipv6, text)
        text = _IPV4.sub(self._ipv4, text)
        return _DASHED_IPV4.sub(self._dashed, text)

    def within(self, value: T) -> T:
        """A value of dataclasses, sequences and mappings with every text and frame replaced; enumerations stay."""
        made: Any = value
        if isinstance(value, Enum):
            return value
        if isinstance(value, str):
            made = self.text(value)
        elif isinstance(value, FrameRecord):
            made = self._frame_with_names(value)
        elif is_dataclass(value) and not isinstance(value, type):
            made = replace(value, **{column.name: self.within(getattr(value, column.name)) for column in fields(value)})
        elif isinstance(value, tuple | list):
            made = type(value)(self.within(entry) for entry in value)
        elif isinstance(value, Sequence) and not isinstance(value, bytes):
            made = _Lazily(value, self.within)  # rows that are made when they are asked for
        elif isinstance(value, dict):
            made = {self.within(key): self.within(entry) for key, entry in value.items()}
        return cast(T, made)

    def frame(self, record: FrameRecord) -> FrameRecord:
        """The frame with its addresses replaced, cut after its last header."""
        return redact_frame(record, self._addresses)

    def _frame_with_names(self, record: FrameRecord) -> FrameRecord:
        name = record.interface_name
        return replace(
            self.frame(record), input=self.text(record.input), interface_name=None if name is None else self.text(name)
        )

    def _ipv4(self, found: re.Match[str]) -> str:
        try:
            address = parse_address(found[1])
        except ValueError:
            return found[0]
        made = self._addresses.ipv4(address)
        if found[2] is None:
            return format_address(made)
        length = min(int(found[2]), 32)
        host_bits = (1 << (32 - length)) - 1
        return f"{format_address(made if address & host_bits else made & ~host_bits)}/{found[2]}"

    def _dashed(self, found: re.Match[str]) -> str:
        address = sum(int(octet) << shift for octet, shift in zip(found[0].split("-"), (24, 16, 8, 0), strict=True))
        return format_address(self._addresses.ipv4(address)).replace(".", "-")

    def _ipv6(self, found: re.Match[str]) -> str:
        try:
            return str(IPv6Address(self._addresses.ipv6(int(IPv6Address(found[0])))))
        except ValueError:
            return found[0]

    def _mac(self, found: re.Match[str]) -> str:
        return format_mac(self._addresses.mac(parse_mac(found[0]))).replace(":", found[1])


class _Lazily(Sequence[Any]):
    """A sequence whose entries are redacted one by one, as they are looked at."""

    def __init__(self, rows: Sequence[Any], redact: Callable[[Any], Any]) -> None:
        self._rows = rows
        self._redact = redact

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: Any) -> Any:
        return self._redact(self._rows[index])
