"""The catalogue of checks: complete, documented, tested, and quick to list."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from ipipdiag.checks import rules
from ipipdiag.checks.catalogue import all_checks
from ipipdiag.checks.model import Check

HEADINGS = ("Expected", "How it is observed", "What can mislead", "What to do")
FAMILIES = {0: 10, 1: 8, 2: 12, 3: 12, 4: 12, 5: 7, 6: 11, 7: 5, 8: 7, 9: 14}
CODES = {f"IPD{family}{number:03}" for family, most in FAMILIES.items() for number in range(1, most + 1)}


def test_every_code_has_a_check_and_none_two() -> None:
    codes = [check.code for check in all_checks()]
    assert len(codes) == len(set(codes))
    assert set(codes) == CODES


@pytest.mark.parametrize("check", all_checks(), ids=lambda check: check.code)
def test_page_file_and_test_of_a_check(check: Check) -> None:
    name = re.sub(r"(?<!^)(?=[A-Z])", "_", check.name).lower()
    (module,) = (Path(path) for path in [f"{rules.__path__[0]}/{check.code.lower()}_{name}.py"])
    assert module.is_file()
    assert check.page.startswith(f"{check.name}: ")
    lines = check.page.splitlines()
    assert [line for line in lines if line in HEADINGS] == list(HEADINGS)
    assert max(map(len, lines)) <= 100
    assert (Path(__file__).parent / f"test_{check.code.lower()}.py").is_file()


def test_listing_the_checks_needs_neither_numpy_nor_pandas() -> None:
    program = (
        "import sys; from ipipdiag.checks.catalogue import all_checks; all_checks();"
        "sys.exit(bool({'numpy', 'pandas', 'rich'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
