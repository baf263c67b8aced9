"""Pods, nodes and services by name: wherever a finding speaks of an address that a file or flag names."""

from __future__ import annotations

import re
from dataclasses import replace

from ipipdiag.addresses import parse_address
from ipipdiag.checks.model import Finding, Subject
from ipipdiag.cluster.model import Cluster

# an address on its own: no network, no port, no part of a longer number, not in brackets behind its name already
_ADDRESS = re.compile(r"(?<![\w.(/-])(?:\d{1,3}\.){3}\d{1,3}(?![\w/-]|\.\d)")
KIND = "service "  # what stands before the name of a service


def with_names(finding: Finding, cluster: Cluster) -> Finding:
    """The same finding; in each of its sentences the first mention of an address bears the name of what has it.

    Commands and display filters keep bare addresses.
    """
    return replace(
        finding,
        title=name_addresses(finding.title, cluster),
        expected=name_addresses(finding.expected, cluster),
        observed=name_addresses(finding.observed, cluster),
        subject=_named_subject(finding.subject, cluster),
        alternatives=tuple(name_addresses(text, cluster) for text in finding.alternatives),
        worked=tuple(name_addresses(text, cluster) for text in finding.worked),
    )


def _named_subject(subject: Subject, cluster: Cluster) -> Subject:
    return replace(subject, text=name_addresses(subject.text, cluster))


def name_addresses(text: str, cluster: Cluster) -> str:
    """``web-b in default (10.0.0.7)`` for the first mention of each named address of a sentence."""
    named: set[str] = set()

    def with_name(match: re.Match[str]) -> str:
        written = match.group()
        try:
            known = cluster.name_of(parse_address(written))
        except ValueError:
            return written
        if known is None or written in named or f"({written})" in text:
            return written
        if any(name in text for name in known.split(" or ")):
            return written  # the sentence names it already
        named.add(written)
        if text.endswith(KIND, 0, match.start()):
            known = known.removeprefix(KIND)  # the sentence says already that it is one
        return f"{known} ({written})"

    return _ADDRESS.sub(with_name, text)
