"""Inference reaches the answers that were decided by hand from the metadata of every shared file."""

from __future__ import annotations

from pathlib import Path

import pytest

from autodip_ij.groups import GroupDecision, infer_groups

from .expected import BANDS, SAMPLES, Answer, answers, file_metadata, sample_metadata

ANSWERS = answers()
FILES = [name for name in ANSWERS if not name.startswith(SAMPLES)]
TABLED_SAMPLES = [name for name in ANSWERS if name.startswith(SAMPLES)]


def assert_answers(decisions: tuple[GroupDecision, ...], expected: dict[str, Answer]) -> None:
    listed = {int(channel) for channel in expected if channel != "*"}
    assert listed <= {decision.index for decision in decisions}
    for decision in decisions:
        answer = expected.get(str(decision.index)) or expected["*"]
        told = (decision.microscope, decision.specimen, decision.leave_alone is not None)
        assert told == (answer.microscope, answer.specimen, answer.left_alone), decision.reason
        lowest, highest = BANDS[answer.certainty]
        assert lowest <= decision.confidence <= highest, decision.reason
        assert decision.confidence < highest or answer.certainty in ("outright", "none"), decision.reason


@pytest.mark.parametrize("name", FILES)
def test_a_file_gets_the_answer_decided_by_hand(shared: Path, name: str) -> None:
    scenes = file_metadata(shared / "microscope_files", name)
    assert scenes
    for metadata in scenes:
        assert_answers(infer_groups(metadata), ANSWERS[name])


@pytest.mark.parametrize("name", TABLED_SAMPLES)
def test_an_nd2_sample_gets_the_answer_decided_by_hand(shared: Path, name: str) -> None:
    metadata = dict(sample_metadata(shared / "microscope_files"))[name]
    assert_answers(infer_groups(metadata), ANSWERS[name])


def test_every_shared_file_has_an_answer(shared: Path) -> None:
    folder = shared / "microscope_files"
    files = {path.name for path in folder.iterdir() if path.suffix not in (".csv", ".json")}
    assert files == set(FILES)
    assert {name for name, _ in sample_metadata(folder)} == set(TABLED_SAMPLES)
    assert len(TABLED_SAMPLES) == 35


@pytest.mark.parametrize("name", FILES)
def test_the_answer_does_not_hang_on_the_file_name(shared: Path, name: str) -> None:
    from dataclasses import replace

    for metadata in file_metadata(shared / "microscope_files", name):
        assert_answers(infer_groups(replace(metadata, file_name=None)), ANSWERS[name])
