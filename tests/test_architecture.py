"""The import contract of setup.cfg: data flows one way, and so do imports."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path

import pytest
from importlinter.cli import EXIT_STATUS_SUCCESS, lint_imports

ROOT = Path(__file__).parent.parent


def test_imports_point_one_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        status = lint_imports(config_filename="setup.cfg", no_cache=True)
    assert status == EXIT_STATUS_SUCCESS, said.getvalue()
