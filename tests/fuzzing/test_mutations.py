"""A short run over damaged samples, and every input that once crashed: whatever the bytes, nothing is raised."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.fuzzing.targets import TARGETS

CRASHES = Path(__file__).parent / "crashes"
MUTATIONS = 150  # of each target
INTERESTING = (0, 1, 4, 0x45, 0x7F, 0x80, 0xFE, 0xFF)
LARGEST = 4_096


def mutate(data: bytes, dice: random.Random) -> bytes:
    """The bytes with some replaced, cut out, doubled, or the rest cut off."""
    changed = bytearray(data[:LARGEST])
    for _ in range(dice.randint(1, 8)):
        at = dice.randrange(len(changed) + 1)
        size = dice.choice((1, 2, 4, 8))
        kind = dice.randrange(5)
        if kind == 0:
            changed[at : at + size] = bytes(dice.choices(INTERESTING, k=size))
        elif kind == 1:
            changed[at : at + size] = dice.randbytes(size)
        elif kind == 2:
            del changed[at : at + size]
        elif kind == 3:
            changed[at:at] = changed[at : at + size * 8]
        elif dice.random() < 0.2:
            del changed[at:]
    return bytes(changed)


@pytest.mark.parametrize("name", TARGETS)
def test_damaged_samples_raise_nothing(name: str) -> None:
    target, dice = TARGETS[name], random.Random(7)
    seeds = list(target.seeds())
    assert len(seeds) > 10
    for _ in range(MUTATIONS):
        target.run(mutate(dice.choice(seeds), dice))


@pytest.mark.parametrize("path", sorted(CRASHES.glob("*-*")), ids=lambda path: path.name)
def test_what_crashed_once_does_not_again(path: Path) -> None:
    TARGETS[path.name.split("-")[0]].run(path.read_bytes())
