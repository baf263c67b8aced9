"""Frames by the file that holds them: of a capture that was written to several files they are counted through."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePath

from ipipdiag.checks import display_filters
from ipipdiag.checks.model import Evidence, Finding
from ipipdiag.facts.collect import CaptureFacts


class NoSuchFrameError(Exception):
    """A frame that is asked for and that no capture holds; the text says which captures there are, or how many."""


@dataclass(frozen=True, slots=True)
class FrameLocation:
    """A frame: its file and its number there, the first file of its capture and its number through all of them."""

    input: str
    number: int
    first_input: str
    through: int


class Files:
    """The files of a run, numbered c1, c2, … capture by capture."""

    def __init__(self, captures: Sequence[CaptureFacts]) -> None:
        self.summaries = tuple(file for capture in captures for file in capture.files)
        self._captures: dict[str, CaptureFacts] = {}
        self._inputs: dict[str, tuple[str, ...]] = {}
        number = 1
        for capture in captures:
            inputs = tuple(f"c{number + position}" for position in range(len(capture.files)))
            self._captures[inputs[0]] = capture
            self._inputs[inputs[0]] = inputs
            number += len(inputs)

    def of(self, first_input: str) -> tuple[str, ...]:
        """The files of a capture, given its first."""
        return self._inputs[first_input]

    def name(self, input_id: str) -> str:
        """The name of a file, given its id."""
        return self.summaries[int(input_id[1:]) - 1].name

    def locate(self, first_input: str, number: int) -> tuple[str, int]:
        """The file that holds a frame of a capture, and the frame's number there."""
        position, own = self._captures[first_input].locate(number)
        return self._inputs[first_input][position], own

    def find(self, file: str, number: int) -> FrameLocation:
        """A frame by the path of its file, or the last part of it; NoSuchFrameError where there is none."""
        names = {f"c{position}": summary.name for position, summary in enumerate(self.summaries, start=1)}
        exact = [input_id for input_id, name in names.items() if name == file]
        found = exact or [input_id for input_id, name in names.items() if PurePath(name).name == file]
        if not found:
            raise NoSuchFrameError(f"{file}: is none of the captures that were read ({', '.join(names.values())})")
        if len(found) > 1:
            raise NoSuchFrameError(f"{file}: several captures are called so; write the path")
        frames = self.summaries[int(found[0][1:]) - 1].frames
        if number > frames:
            raise NoSuchFrameError(f"{file}: has no frame {number}; it holds {frames}")
        first, inputs = next((first, inputs) for first, inputs in self._inputs.items() if found[0] in inputs)
        before = self._captures[first].files[: inputs.index(found[0])]
        return FrameLocation(found[0], number, first, number + sum(summary.frames for summary in before))

    def with_own_frames(self, finding: Finding) -> Finding:
        """The same finding; its evidence names each file with the numbers that its frames have there."""
        evidence = tuple(own for entry in finding.evidence for own in self._by_file(entry))
        return finding if evidence == finding.evidence else replace(finding, evidence=evidence)

    def _by_file(self, evidence: Evidence) -> Iterator[Evidence]:
        if len(self._inputs.get(evidence.input, ())) < 2 or not evidence.frames:
            yield evidence
            return
        by_input: dict[str, list[int]] = {}
        for number in evidence.frames:
            name, own = self.locate(evidence.input, number)
            by_input.setdefault(name, []).append(own)
        selects_by_number = evidence.display_filter == display_filters.frames(evidence.frames)
        for name, numbers in by_input.items():
            frames = tuple(numbers)
            text = display_filters.frames(frames) if selects_by_number else evidence.display_filter
            yield Evidence(name, frames, text)
