"""The key of a redaction in a file."""

from __future__ import annotations

from pathlib import Path

import pytest

from ipipdiag.redaction.key import KeyFileError, load_key


def test_file_that_is_not_there_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "key"
    key = load_key(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert load_key(path) == key
    assert load_key(tmp_path / "other") != key


@pytest.mark.parametrize(("content", "mode"), [("no key", 0o600), ("ab" * 31, 0o600), ("ab" * 32, 0o644)])
def test_file_that_is_no_key_or_open_to_others_is_refused_by_name(tmp_path: Path, content: str, mode: int) -> None:
    path = tmp_path / "some-file"
    path.write_text(content)
    path.chmod(mode)
    with pytest.raises(KeyFileError, match="some-file: "):
        load_key(path)
    assert path.read_text() == content


def test_folder_that_is_not_there_is_an_error_with_its_name(tmp_path: Path) -> None:
    with pytest.raises(KeyFileError, match="absent"):
        load_key(tmp_path / "absent" / "key")
