"""The published set from an FMD folder, as a pack that transfers."""

from __future__ import annotations

import numpy as np
import pytest
import synthetic_folders as folders

from autodip_ij.calibration import load_calibration
from autodip_ij.calibration.transfer import transfer
from autodip_ij.errors import UnreadableFile, UnwritableOutput
from autodip_ij.evaluation.datasets import Selection, open_dataset
from autodip_ij.evaluation.paper.rebuild import rebuild


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Two fields of two image types, with small pictures."""
    fmd = tmp_path_factory.mktemp("fmd")
    stacks = {
        ("Confocal_BPAE_G", 18): folders.fmd_field(fmd, "Confocal_BPAE_G", 18),
        ("WideField_BPAE_B", 8): folders.fmd_field(fmd, "WideField_BPAE_B", 8),
    }
    out = tmp_path_factory.mktemp("out")
    return rebuild(fmd, out), stacks, fmd, out


def test_images_are_found_by_the_published_list(made):
    result, _, _, _ = made
    # confocal actin field 18: 4 calibration images and 1 for validation; widefield nucleus field 8: 8 and 5
    assert (result.calibration, result.validation) == (12, 6)
    assert len(result.missing) == 165 - 18


def test_the_pack_holds_the_right_pixels_and_parameters(made):
    result, stacks, _, _ = made
    calibration = load_calibration(result.pack)
    images = {image.name: image for image in calibration.images}
    averaged = images["fmd_confocal_actin_avg2_f18_c13"]
    stack = stacks["Confocal_BPAE_G", 18].astype(float)
    np.testing.assert_array_equal(averaged.read(), np.floor((stack[13] + stack[14]) / 2 + 0.5))
    raw = images["fmd_widefield_nucleus_raw_f08_c45"]
    np.testing.assert_array_equal(raw.read(), stacks["WideField_BPAE_B", 8][45])
    assert calibration.criterion == "lpips_psnr"
    assert calibration.table == load_calibration("paper").table


def test_an_image_transfers_the_parameters_of_its_nearest(made):
    result, _, _, _ = made
    calibration = load_calibration(result.pack)
    wanted = next(image for image in calibration.images if image.name == "fmd_widefield_nucleus_raw_f08_c45")
    for strategy in ("mse", "mae", "psnr", "ssim", "mean_gradient", "descriptors"):
        choice = transfer(calibration, wanted.read(), strategy, "all")
        assert choice.parameters == wanted.parameters[None], strategy


def test_the_pairs_are_a_data_set_with_both_sets(made):
    result, _, _, _ = made
    dataset = open_dataset(result.pairs)
    validation = Selection(split="validation").apply(dataset.pairs)
    assert len(validation) == 6
    pair = next(pair for pair in validation if pair.name == "fmd_widefield_nucleus_raw_f08_c22")
    assert (pair.group, pair.level, pair.field, pair.value_range) == ("widefield/nucleus", "raw", "8", 255.0)


def test_what_is_there_is_kept_unless_told(made):
    _, _, fmd, out = made
    with pytest.raises(UnwritableOutput, match="--overwrite"):
        rebuild(fmd, out)
    assert rebuild(fmd, out, overwrite=True).calibration == 12


def test_a_folder_without_published_images_is_refused(tmp_path):
    folders.fmd_field(tmp_path, "Confocal_FISH", 1)
    with pytest.raises(UnreadableFile, match="none of the 110"):
        rebuild(tmp_path, tmp_path / "out")
