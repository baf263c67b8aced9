"""``examine``: captures in, the answer of the check that the test module is named after out."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.checks.world import Examination


@pytest.fixture
def examine(request: pytest.FixtureRequest, tmp_path: Path) -> Examination:
    """Runs captures and gives the answer of the check whose code the module's name holds."""
    found = re.search(r"test_ipd(\d{4})", request.module.__name__)
    assert found, "name the module test_ipdNNNN.py"
    return Examination(tmp_path, f"IPD{found[1]}")
