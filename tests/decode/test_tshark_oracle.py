"""Decoding equals tshark's, field by field, on every recorded frame: as recorded, cut short, and in other formats."""

from __future__ import annotations

import pytest

from tests.decode.oracle import VARIANTS, compare_variant, recorded_frames

pytestmark = pytest.mark.needs_tshark


@pytest.mark.parametrize("name", VARIANTS)
def test_every_field_of_every_frame_is_the_same(name: str) -> None:
    comparison = compare_variant(name, recorded_frames())
    assert comparison.differences == []
    assert comparison.frames == sum(len(frames) for frames in recorded_frames().values()) > 10_000
    assert comparison.fields > 60 * comparison.frames
