"""Reading the fields of an object: what is missing is None, what is there and wrong is complained of, never raised."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from typing import Any


@dataclass(frozen=True, slots=True)
class Fields:
    """One object of a file, and where complaints about it go."""

    file: str  # whole name
    inside: str  # name within the folder or archive given
    document: dict[str, Any]
    complain: Callable[[str, str], None]

    @property
    def kind(self) -> str:
        """``kind`` of the object."""
        return str(self.document.get("kind", ""))

    @property
    def name(self) -> str:
        """``metadata.name``."""
        return self.text("metadata", "name") or "(no name)"

    @property
    def qualified_name(self) -> str:
        """``namespace/name``, as kubectl writes it."""
        return f"{self.text('metadata', 'namespace') or 'default'}/{self.name}"

    @property
    def source(self) -> str:
        """File, kind and name: where each fact of this object comes from."""
        return f"config: {self.inside} {self.kind} {self.name}"

    @property
    def labels(self) -> tuple[tuple[str, str], ...] | None:
        """``metadata.labels``; None where there are none."""
        labels = self.get("metadata", "labels")
        if not isinstance(labels, dict):
            return None
        return tuple((str(name), "" if value is None else str(value)) for name, value in labels.items())

    def get(self, *path: str) -> Any:
        """The value at a path of keys; None where it or anything on the way is missing."""
        value: Any = self.document
        for key in path:
            value = value.get(key) if isinstance(value, dict) else None
        return value

    def wrong(self, path: str, value: object, wanted: str) -> None:
        """Complain of a value that is not what its field holds."""
        self.complain(self.file, f"{self.kind} {self.name}: {path}: {str(value)[:80]!r} is not {wanted}")

    def text(self, *path: str) -> str | None:
        """A string; numbers and booleans as YAML writes them."""
        value = self.get(*path)
        if value is None or isinstance(value, (dict, list)):
            return None
        return str(value).lower() if isinstance(value, bool) else str(value)

    def flag(self, *path: str) -> bool:
        """A boolean, also where it is written as text; False where it is missing."""
        return (self.text(*path) or "").lower() == "true"

    def number(self, *path: str) -> int | None:
        """A whole number; AS numbers may be written ``1.10`` (asdot)."""
        text = self.text(*path)
        if text is None:
            return None
        high, dot, low = text.partition(".")
        if text.isascii() and text.isdigit() and len(text) < 20:
            return int(text)
        if dot and high.isdigit() and low.isdigit() and len(text) < 12:
            return (int(high) << 16) + int(low)
        self.wrong(".".join(path), text, "a number")
        return None

    def items(self, *path: str) -> list[Any]:
        """A list; empty where it is missing or is none."""
        value = self.get(*path)
        return value if isinstance(value, list) else []

    def network(self, *path: str) -> IPv4Network | None:
        """An IPv4 network; IPv6 is passed over without a word."""
        text = self.text(*path)
        return None if text is None else next(self.networks([text], ".".join(path)), None)

    def networks(self, texts: list[Any], path: str) -> Iterator[IPv4Network]:
        """The IPv4 networks of a list of texts; a bare address is a /32."""
        for text in texts:
            if ":" in str(text):
                continue
            try:
                yield IPv4Network(str(text), strict=False)
            except ValueError:
                self.wrong(path, text, "an IPv4 network")

    def interface(self, *path: str) -> tuple[int, int | None] | None:
        """An IPv4 address with or without prefix length."""
        text = self.text(*path)
        if not text or ":" in text:
            return None
        try:
            parsed = IPv4Interface(text)
        except ValueError:
            self.wrong(".".join(path), text, "an IPv4 address")
            return None
        return int(parsed.ip), parsed.network.prefixlen if "/" in text else None

    def addresses(self, texts: list[Any], path: str) -> tuple[int, ...]:
        """The IPv4 addresses of a list of texts, with or without /32, each once."""
        found: dict[int, None] = {}
        for text in texts:
            if not text or ":" in str(text) or str(text) == "None":  # a headless service has clusterIP None
                continue
            try:
                found[int(IPv4Address(str(text).partition("/")[0]))] = None
            except ValueError:
                self.wrong(path, text, "an IPv4 address")
        return tuple(found)
