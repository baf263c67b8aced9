"""What a scenario is: what is broken, where it is recorded, what happens, and what a right answer to it is."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass

from calico_lab import scenarios
from calico_lab.background import standard
from calico_lab.captures import Point
from calico_lab.cluster import STANDARD, Cluster
from calico_lab.lab import Lab
from calico_lab.traffic import Program


def nothing(lab: Lab) -> None:
    """The preparation of scenarios that need none."""


@dataclass(frozen=True)
class Scenario:
    """One recording.

    ``prepare`` runs before the captures begin, ``play`` while they run; what ``play`` proves goes to truth.json.
    ``accept`` names the check codes that are a right verdict; it is empty where nothing is to be found.
    """

    name: str
    shows: str
    points: tuple[Point, ...]
    play: Callable[[Lab], None]
    healthy: bool = False
    broken: str | None = None
    broken_node: str | None = None
    broken_link: str | None = None
    accept: tuple[str, ...] = ()
    addresses: tuple[tuple[str, str], ...] = ()
    cluster: Cluster = STANDARD
    at_end: Cluster | None = None  # where the cluster is another one when it is over
    prepare: Callable[[Lab], None] = nothing
    background: Callable[[Cluster], list[Program]] = standard

    @property
    def number(self) -> str:
        """The number that the name begins with."""
        return self.name.partition("-")[0]


def load_scenarios() -> dict[str, Scenario]:
    """All scenarios by name: one module each, in the folder ``scenarios``."""
    found = (
        importlib.import_module(f"{scenarios.__name__}.{module.name}").SCENARIO
        for module in pkgutil.iter_modules(scenarios.__path__)
    )
    return {scenario.name: scenario for scenario in sorted(found, key=lambda scenario: scenario.name)}
