"""The published figures are those of the paper, and belong to the images they are said to belong to."""

from __future__ import annotations

import csv
from collections import Counter

import pytest

from autodip_ij.evaluation.paper.published import published_images, selected_images, table1, table2
from autodip_ij.groups.model import MICROSCOPES, SPECIMENS


def test_the_sets_have_the_published_sizes():
    calibration, validation = published_images("calibration"), published_images("validation")
    assert (len(calibration), len(validation)) == (110, 55)
    assert Counter(image.level for image in calibration) == {"raw": 47, "avg2": 63}
    groups = Counter((image.microscope, image.specimen) for image in calibration)
    assert set(groups) == {(m, s) for m in MICROSCOPES for s in SPECIMENS}
    assert groups["confocal", "nucleus"] == groups["widefield", "nucleus"] == 20


def test_most_validation_images_share_their_field_with_calibration_images():
    seen = {(image.microscope, image.specimen, image.field) for image in published_images("calibration")}
    shared = [
        image for image in published_images("validation") if (image.microscope, image.specimen, image.field) in seen
    ]
    assert len(shared) == 41


def test_no_image_is_in_both_sets_and_names_are_unique():
    names = [image.name for part in ("calibration", "validation") for image in published_images(part)]
    assert len(set(names)) == 165


def test_every_calibration_image_has_parameters_inside_the_published_grid():
    for image in published_images("calibration"):
        assert {"psnr", "lpips", "lpips_psnr", "ssim", "l1", "mse"} <= set(image.parameters)
        for found in image.parameters.values():
            assert 4 <= found.depth <= 8
            assert found.width in (16, 32, 64, 128, 256, 512, "asc_to512")
            assert found.skip in (0, 4)
            assert found.iterations % 100 == 0
    assert all(not image.parameters for image in published_images("validation"))


def test_the_best_cell_of_table_1_is_the_group_of_microscope_and_specimen():
    cells = {(cell.strategy, cell.pool): cell for cell in table1()}
    assert cells["group", "microscope+specimen"].psnr == max(cell.psnr for cell in table1() if cell.pool) == 34.99
    assert cells["best of each image", ""].psnr == 35.56
    assert cells["original DIP", ""].psnr == 31.90


def test_the_fmd_rows_of_table_2_average_to_the_rows_by_level():
    rows = {row.row: row for row in table2() if row.dataset == "fmd"}
    levels = [rows["FMD Test: raw"], rows["FMD Test: avg2"]]
    groups = [row for row in rows.values() if row not in levels]
    assert len(groups) == 12
    for method in ("noisy", "dip"):
        of_levels = sum(row.scores[method][0] for row in levels) / 2
        assert sum(row.scores[method][0] for row in groups) / 12 == pytest.approx(of_levels, abs=0.02)


def test_the_other_test_images_are_those_selected():
    assert {(one.dataset, one.field) for one in selected_images()} == {
        ("biosr", "40"),
        ("biosr", "68"),
        ("biosr", "37"),
        ("biosr", "41"),
        ("shah", "85"),
        ("shah", "100"),
        ("w2s", "116"),
    }


@pytest.mark.shared
def test_the_tables_are_those_of_the_published_files(shared):
    """Images and parameters agree with the published lists, matched here in another way than they were converted."""
    with (shared / "reference" / "selection_fmd_calibration.csv").open() as stream:
        listed = {
            (
                row["microscope_type"],
                row["specimen"].removeprefix("F-"),
                row["noise_level"],
                row["fov"],
                row["capture_idx"],
            )
            for row in csv.DictReader(stream)
        }
    ours = {
        (image.microscope, image.specimen, image.level, str(image.field), str(image.capture))
        for image in published_images("calibration")
    }
    assert ours == listed
    with (shared / "reference" / "autodip_params_per_calibration_image.csv").open() as stream:
        rows = [row for row in csv.DictReader(stream) if row["metric"] == "lpips_psnr_gt"]
    by_umap = {
        (round(float(row["Component 1"]), 5), round(float(row["Component 2"]), 5)): (
            row["mic_obj_group"],
            int(row["index_in_dataset"]) % 10,
            int(row["depth"]),
            row["width"],
            int(row["num_iter"]),
        )
        for row in rows
    }
    for image in published_images("calibration"):
        group, last_digit, depth, width, iterations = by_umap[image.umap]
        found = image.parameters["lpips_psnr"]
        assert group == f"{image.specimen}_{image.microscope}"
        # 50 captures a field: the last digit of the published index is that of the capture, up to one lost field
        assert last_digit == image.capture % 10
        assert (found.depth, str(found.width), found.iterations) == (depth, width, iterations)
