"""What all tests share: the samples' folder, and skipping by name what needs a program that is not there."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

SAMPLES = Path(__file__).parent.parent / "samples"


@pytest.fixture(scope="session")
def samples() -> Path:
    """Folder of the recorded scenarios, one folder each."""
    return SAMPLES


@pytest.fixture(autouse=True, scope="session")
def no_settings_of_the_user(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No test reads the configuration file of whoever runs it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CONFIG_HOME", str(tmp_path_factory.mktemp("config")))
        yield


def pytest_addoption(parser: pytest.Parser) -> None:
    """``--update-golden`` writes the golden reports anew: read them line by line before they are committed."""
    parser.addoption("--update-golden", action="store_true", help="write the golden reports anew")


HELPERS = {"needs_tshark": ("tshark",), "needs_chromium": ("chromium", "chromium-browser", "google-chrome")}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip by name what is marked as needing a program that is not there; ``-rs`` prints the names."""
    for marker, programs in HELPERS.items():
        if any(shutil.which(program) for program in programs):
            continue
        for item in items:
            if item.get_closest_marker(marker):
                item.add_marker(pytest.mark.skip(reason=f"{item.name}: {programs[0]} is not installed"))
