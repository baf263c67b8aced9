"""Names replaced: of nodes, pods, namespaces, services, interfaces and files, each by its kind and a few letters."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import PurePath

from ipipdiag.redaction.key import Prf

LETTERS = 8  # of a pseudonym, out of sixteen: of ten thousand names two are one with a chance of 1 in 80
ALPHABET = str.maketrans(
    "0123456789abcdef", "bcdfghjkmnpqrtvw"
)  # no digit, which could be taken for part of an address
CALI_DIGITS = 11  # of the name Calico's CNI plugin gives the host side of a veth, a hash of the pod's name
CALI = re.compile(rf"(?<![0-9A-Za-z])cali[0-9a-f]{{{CALI_DIGITS}}}(?![0-9A-Za-z])")

# names that every cluster has: they tell nothing, and a report without them is hard to read
ORDINARY = frozenset(
    ("default", "kube-system", "calico-system", "kube-public", "kubernetes", "calico-node", "all", "any", "lo", "tunl0",
     "vxlan.calico", "wireguard.cali", "kube-ipvs0", "docker0", "nodelocaldns")
)  # fmt: skip
ORDINARY_INTERFACE = re.compile(r"(eth|en[opsx]|bond|team|wlan|br-?)[0-9a-z]*(\.[0-9]{1,4})?$")


class Kind(StrEnum):
    """What a name is of; the word its pseudonym begins with."""

    NODE = "node"
    POD = "pod"
    NAMESPACE = "ns"
    SERVICE = "svc"
    OBJECT = "object"
    INTERFACE = "if"
    FILE = "file"


@dataclass(frozen=True, slots=True)
class Secret:
    """A name that text may hold. A ``NAMESPACE/NAME`` is two names, a path is one, and so is its last part."""

    kind: Kind
    name: str


@dataclass(slots=True)
class NameMap:
    """The replacements of one key; ``learn`` what names there are before ``replace`` is used."""

    key: bytes
    _pseudonyms: dict[str, str] = field(default_factory=dict)
    _pattern: re.Pattern[str] | None = None

    def learn(self, secrets: Iterable[Secret]) -> None:
        """Add names; a name that is known keeps its replacement."""
        for secret in secrets:
            if secret.kind is Kind.FILE:
                self._add(Kind.FILE, secret.name)
                self._add(Kind.FILE, PurePath(secret.name).name)
            elif "/" in secret.name:
                namespace, _, name = secret.name.partition("/")
                self._add(Kind.NAMESPACE, namespace)
                self._add(secret.kind, name)
            else:
                self._add(secret.kind, secret.name)
        # a longer name first: it may begin with a shorter one
        names = sorted(self._pseudonyms, key=lambda name: (-len(name), name))
        words = "|".join(re.escape(name) for name in names)
        self._pattern = re.compile(rf"(?<![0-9A-Za-z_])(?:{words})(?![0-9A-Za-z_])") if names else None

    def replace(self, text: str) -> str:
        """The text with every known name in it replaced, and every name of a ``cali`` interface."""
        if self._pattern is not None:
            text = self._pattern.sub(lambda found: self._pseudonyms[found.group()], text)
        return CALI.sub(lambda found: "cali" + self._digits(found.group(), CALI_DIGITS), text)

    def _add(self, kind: Kind, name: str) -> None:
        is_ordinary = name in ORDINARY or not name.strip("./-_ ") or CALI.fullmatch(name)
        if is_ordinary or name in self._pseudonyms or (kind is Kind.INTERFACE and ORDINARY_INTERFACE.match(name)):
            return
        made = f"{kind}-{self._digits(name, LETTERS).translate(ALPHABET)}"
        if kind is Kind.FILE:
            made += "".join(PurePath(name).suffixes[-2:]) if _is_capture_name(name) else PurePath(name).suffix[:8]
        self._pseudonyms[name] = made

    def _digits(self, name: str, count: int) -> str:
        return Prf(self.key, "names")(name.encode("utf-8", "surrogateescape")).hex()[:count]


def _is_capture_name(name: str) -> bool:
    return any(part in name for part in (".pcap", ".cap"))
