"""What the Log shows of a run: in the terms of Fiji's dialogs, not of the command line."""

from __future__ import annotations

import pytest

from autodip_ij.errors import BadInput
from autodip_ij.fiji.commands.entry import message_of
from autodip_ij.fiji.commands.screen import folder_rows
from autodip_ij.fiji.commands.text import in_dialog_terms


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("--effort fast: 3 times cheaper", "Effort = fast: 3 times cheaper"),
        ("--group confocal/actin (best here)", "Group = confocal/actin (best here)"),
        ("--iterations N shortens it in proportion", "Iterations = N shortens it in proportion"),
        ("a smaller --tile", "a smaller tile in More settings"),
        ("name its folder with --vocabulary or $X", "name its folder with vocabulary in More settings or $X"),
        ("give --overwrite to replace it", "give overwrite=true in More settings to replace it"),
        ("--classical-weight 0.5 --seed 2", "classical_weight=0.5 seed=2 in More settings"),
        ("autodip fiji install --fiji FOLDER", "autodip fiji install --fiji FOLDER"),
        ("a--b -- c", "a--b -- c"),
    ],
)
def test_options_become_fields_of_the_dialog(message, shown):
    assert in_dialog_terms(message) == shown


def test_errors_and_tables_name_fields_of_the_dialog_too():
    assert message_of(BadInput("unknown; name one with --group")) == "unknown; name one with Group"
    row = dict.fromkeys(("file", "output", "status", "group", "quality", "seconds"), "")
    (shown,) = folder_rows({"files": [row | {"message": "add --overwrite"}]})
    assert shown["Message"] == "add overwrite=true in More settings"
