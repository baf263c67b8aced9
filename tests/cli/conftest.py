"""A run whose report is made by hand, so that the command line is tested by itself."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import pytest

from ipipdiag.report.model import Report
from tests.report.example_report import blocked_report


@dataclass
class FakeRun:
    """Stands in for ``ipipdiag.run``: keeps the options it was given, and returns or raises what it was told."""

    report: Report = field(default_factory=blocked_report)
    error: BaseException | None = None
    options: dict[str, Any] = field(default_factory=dict)

    def analyze(self, options: dict[str, Any], progress: object, is_stopped: Callable[[], bool]) -> Report:
        self.options = options
        if self.error:
            raise self.error
        return self.report


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> FakeRun:
    fake = FakeRun()
    module = ModuleType("ipipdiag.run")
    module.analyze = fake.analyze  # type: ignore[attr-defined]
    module.RunOptions = lambda **values: values  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "ipipdiag.run", module)
    return fake
