"""All checks: those of this package, found by walking the folder, and those of other packages, found by their entry
points ``ipipdiag.checks``.
"""

from __future__ import annotations

import importlib
import pkgutil
from dataclasses import dataclass, replace
from functools import cache
from types import ModuleType
from typing import TYPE_CHECKING

from ipipdiag.checks import rules
from ipipdiag.checks.model import Check

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

ENTRY_POINTS = "ipipdiag.checks"
OWN = "IPD"  # how the codes of this package begin


@dataclass(frozen=True, slots=True)
class Unusable:
    """An entry point of another package that gives no check: its name, and why."""

    name: str
    problem: str


def all_checks() -> tuple[Check, ...]:
    """Every check in the order of the codes, those of other packages last."""
    return (*_own(), *_from_packages()[0])


def unusable() -> tuple[Unusable, ...]:
    """The entry points of other packages that give no check."""
    return _from_packages()[1]


def in_order(code: str) -> tuple[bool, str]:
    """Sorts codes: those of this package first."""
    return not code.startswith(OWN), code


@cache
def _own() -> tuple[Check, ...]:
    modules = (
        importlib.import_module(found.name) for found in pkgutil.iter_modules(rules.__path__, f"{rules.__name__}.")
    )
    return tuple(sorted((_with_page(module.CHECK, module) for module in modules), key=lambda check: check.code))


@cache
def _from_packages() -> tuple[tuple[Check, ...], tuple[Unusable, ...]]:
    from importlib.metadata import entry_points  # here, for not all who know of checks need those of others

    checks: dict[str, Check] = {}
    problems = []
    for found in sorted(entry_points(group=ENTRY_POINTS), key=lambda found: (found.name, found.value)):
        try:
            check = _load(found)
            if check.code in checks:
                raise ValueError(f"{check.code} is another package's code already")
        except Exception as error:  # whatever a module of another package does when it is loaded
            problems.append(Unusable(f"{found.name} = {found.value}", f"{type(error).__name__}: {error}"))
            continue
        checks[check.code] = check
    return tuple(sorted(checks.values(), key=lambda check: check.code)), tuple(problems)


def _load(found: EntryPoint) -> Check:
    """The check of another package's module."""
    module = found.load()
    check = getattr(module, "CHECK", None)
    if not isinstance(check, Check):
        raise TypeError("the module has no CHECK of type ipipdiag.checks.model.Check")
    if check.code.startswith(OWN):
        raise ValueError(f"{check.code}: codes that begin with {OWN} are ipipdiag's own")
    return _with_page(check, module)


def _with_page(check: Check, module: ModuleType) -> Check:
    return replace(check, page=(module.__doc__ or "").strip())
