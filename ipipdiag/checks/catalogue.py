"""All checks: those that are built, found by walking the folder, and those of the catalogue that are not built yet."""

from __future__ import annotations

import importlib
import pkgutil
from dataclasses import dataclass, replace
from functools import cache

from ipipdiag.checks import rules
from ipipdiag.checks.model import Check, Severity


@dataclass(frozen=True, slots=True)
class Planned:
    """A code of the catalogue whose check is not built: it is reported as not checked, never as passed."""

    code: str
    name: str
    severity: Severity


@cache
def all_checks() -> tuple[Check, ...]:
    """Every built check in the order of the codes, its module's docstring as its page."""
    checks = []
    for module_info in pkgutil.iter_modules(rules.__path__, rules.__name__ + "."):
        module = importlib.import_module(module_info.name)
        checks.append(replace(module.CHECK, page=(module.__doc__ or "").strip()))
    return tuple(sorted(checks, key=lambda check: check.code))


def planned() -> tuple[Planned, ...]:
    """The codes that are not built, in their order."""
    built = {check.code for check in all_checks()}
    return tuple(
        Planned(code, name, Severity(severity))
        for line in _NOT_BUILT.split("\n")
        for code, name, severity in (line.split(),)
        if code not in built
    )


_NOT_BUILT = """\
IPD5002 PmtuBlackhole critical
IPD5005 FragmentationNeededIgnored error
IPD7002 OutgoingNotTranslated error
IPD7003 ServicePingUnanswered notice
IPD7004 ServiceAddressOnWire error
IPD7005 ReplyNotTranslatedBack critical
IPD8003 Retransmissions warning
IPD8004 Reordering notice
IPD8005 ReceiverStalled notice
IPD8006 ChecksumBroken critical
IPD8007 DnsRetries warning"""
