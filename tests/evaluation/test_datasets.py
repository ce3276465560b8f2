"""A folder in, named pairs out."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import synthetic_folders as folders

from autodip_ij.errors import BadInput, UnreadableFile
from autodip_ij.evaluation.datasets import Selection, layout_names, open_dataset
from autodip_ij.evaluation.datasets.catalogue import LAYOUTS
from autodip_ij.evaluation.datasets.fmd import IMAGE_TYPES
from autodip_ij.groups.model import group_names


def by_name(dataset):
    return {pair.name: pair for pair in dataset.pairs}


def test_fmd_averages_wrap_after_the_last_capture_and_round_half_up(tmp_path):
    stack = folders.fmd_field(tmp_path, "Confocal_BPAE_B", 7)
    pairs = by_name(open_dataset(tmp_path))
    last = pairs["fmd_confocal_nucleus_avg4_f07_c48"]
    exact = stack[[48, 49, 0, 1]].astype(float).mean(axis=0)
    np.testing.assert_array_equal(last.noisy.read(), np.floor(exact + 0.5))
    # halves go up, where numpy's own rounding would go to the even neighbour
    halves = (exact % 1) == 0.5
    assert halves.any()
    assert (last.noisy.read()[halves] > exact[halves]).all()


def test_fmd_ground_truth_is_the_mean_of_all_captures_where_no_file_is_there(tmp_path):
    stack = folders.fmd_field(tmp_path, "TwoPhoton_MICE", 19)
    pair = by_name(open_dataset(tmp_path))["fmd_twophoton_mice_raw_f19_c03"]
    np.testing.assert_array_equal(pair.noisy.read(), stack[3])
    np.testing.assert_array_equal(pair.clean.read(), np.floor(stack.mean(axis=0) + 0.5))
    assert (pair.group, pair.subject, pair.split, pair.capture) == ("twophoton", "mice", "test", 3)


def test_fmd_files_are_preferred_to_what_could_be_made(tmp_path):
    folders.fmd_field(tmp_path, "WideField_BPAE_G", 1)
    truth, average = folders.picture(90), folders.picture(91)
    folders.write_png(tmp_path / "WideField_BPAE_G" / "gt" / "1" / "avg50.png", truth)
    folders.write_png(tmp_path / "WideField_BPAE_G" / "avg2" / "1" / "HV110_P0500510005.png", average)
    pairs = by_name(open_dataset(tmp_path))
    np.testing.assert_array_equal(pairs["fmd_widefield_actin_avg2_f01_c05"].noisy.read(), average)
    np.testing.assert_array_equal(pairs["fmd_widefield_actin_avg2_f01_c05"].clean.read(), truth)
    assert pairs["fmd_widefield_actin_avg2_f01_c05"].group == "widefield/actin"


def test_fmd_says_what_is_missing_and_does_not_invent_averages(tmp_path):
    folders.fmd_field(tmp_path, "Confocal_FISH", 2, captures=range(40))
    folders.write_png(tmp_path / "Confocal_FISH" / "gt" / "2" / "avg50.png", folders.picture(1))
    dataset = open_dataset(tmp_path)
    assert {pair.level for pair in dataset.pairs} == {"raw"}
    assert "Confocal_FISH: 10 raw captures of field 2" in dataset.missing
    assert "image type Confocal_BPAE_B" in dataset.missing


def test_fmd_test_mix_pairs_equal_names(tmp_path):
    folders.fmd_test_mix(tmp_path, IMAGE_TYPES)
    dataset = open_dataset(tmp_path)
    assert dataset.name == "fmd_test_mix"
    assert len(dataset.pairs) == 2 * 48
    assert {pair.value_range for pair in dataset.pairs} == {255.0}
    pair = by_name(dataset)["fmd_test_mix_twophoton_actin_avg2_3"]
    assert pair.noisy.files[0].name == pair.clean.files[0].name == "TwoPhoton_BPAE_G_3.png"
    assert "folder avg16" in dataset.missing


def test_the_mixed_test_is_found_by_its_name_in_the_fmd_folder_too(tmp_path):
    folders.fmd_test_mix(tmp_path / "test_mix", IMAGE_TYPES)
    folders.fmd_field(tmp_path, "Confocal_FISH", 2, captures=range(2))
    inside = open_dataset(tmp_path, "fmd-test-mix")
    assert inside.pairs == open_dataset(tmp_path / "test_mix", "fmd_test_mix").pairs
    assert Counter(pair.subset for pair in inside.pairs if pair.level == "raw") == dict.fromkeys(
        (pair.subset for pair in inside.pairs), 4
    )
    assert {pair.field for pair in inside.pairs} == {"19"}


def test_a_withheld_group_is_unknown_to_methods_but_stays_in_the_tables(tmp_path):
    folders.fmd_test_mix(tmp_path, ["WideField_BPAE_G"])
    pair = replace(open_dataset(tmp_path).pairs[0], metadata=False)
    assert (pair.decision().microscope, pair.decision().specimen, pair.decision().group) == (None, None, "all")
    assert pair.subset == "widefield actin"


def test_hagen_reads_pages_and_marks_the_last_tenth_as_test(tmp_path):
    folders.hagen(tmp_path / "01-actin", ["actin-20x-noise1", "mito-confocal", "membrane"])
    dataset = open_dataset(tmp_path)
    pairs = by_name(dataset)
    assert len(pairs) == 30
    assert [pair.name for pair in dataset.pairs if pair.split == "test"] == [
        "hagen_actin-20x-noise1_i0009",
        "hagen_membrane_i0009",
        "hagen_mito-confocal_i0009",
    ]
    actin = pairs["hagen_actin-20x-noise1_i0003"]
    assert (actin.group, actin.subject, actin.level) == ("widefield/actin", "actin 20x", "noise1")
    assert actin.shifted
    assert actin.rescaled
    np.testing.assert_array_equal(actin.noisy.read(), folders.picture(3, dtype=np.uint16))
    assert pairs["hagen_mito-confocal_i0000"].group == "confocal/mito"
    assert pairs["hagen_membrane_i0000"].group == "widefield"
    assert "nucleus-lowsnr.tif and nucleus-highsnr.tif" in dataset.missing


def test_biosr_frame_pairs_use_the_published_clean_level(tmp_path):
    folders.biosr(tmp_path)
    pairs = by_name(open_dataset(tmp_path, "biosr"))
    assert set(pairs) == {
        "biosr_CCPs_cell001_level1",
        "biosr_CCPs_cell001_level4",
        "biosr_ER_cell002_level1",
        "biosr_F-actin_Nonlinear_cell001_level1",
        "biosr_F-actin_Nonlinear_cell001_level4",
    }
    pair = pairs["biosr_CCPs_cell001_level4"]
    assert pair.clean.files[0].name == "RawSIMData_level_09.mrc"
    image = pair.noisy.read()
    assert image.shape == folders.SHAPE
    assert pairs["biosr_F-actin_Nonlinear_cell001_level1"].group == "widefield/actin"
    assert all(pair.shifted and pair.rescaled for pair in pairs.values())  # the paper registers them (II-E)


def test_biosr_clips_single_frames_at_the_published_percentiles(tmp_path):
    import mrcfile

    folders.biosr(tmp_path)
    pair = by_name(open_dataset(tmp_path, "biosr"))["biosr_CCPs_cell001_level1"]
    with mrcfile.open(pair.noisy.files[0]) as file:
        frame = file.data[0].astype(float)
    assert pair.noisy.read().max() == pytest.approx(np.percentile(frame, 99.9), rel=1e-6)


def test_biosr_widefield_is_the_mean_of_the_raw_frames(tmp_path):
    import mrcfile

    folders.biosr(tmp_path)
    pair = by_name(open_dataset(tmp_path, "biosr-widefield"))["biosr-widefield_ER_cell002_level1"]
    with mrcfile.open(pair.noisy.files[0]) as file:
        np.testing.assert_allclose(pair.noisy.read(), file.data.mean(axis=0), rtol=1e-6)


@pytest.mark.parametrize(("name", "scale"), [("CCPs_cell001_level9", 2), ("F-actin_Nonlinear_cell001_level1", 3)])
def test_biosr_sim_pairs_know_their_scale(tmp_path, name, scale):
    folders.biosr(tmp_path)
    pair = by_name(open_dataset(tmp_path, "biosr-sim"))[f"biosr-sim_{name}"]
    assert pair.scale == scale
    noisy, clean = pair.noisy.read(), pair.clean.read()
    assert clean.shape == (noisy.shape[0] * scale, noisy.shape[1] * scale)


def test_w2s_averages_the_first_shots(tmp_path):
    stack = folders.w2s_shots(tmp_path, 116)
    pairs = by_name(open_dataset(tmp_path))
    assert len(pairs) == 15
    pair = pairs["w2s_ch2_f116_avg4"]
    mean = stack[:4].mean(axis=0) + 2
    expected = np.clip(mean, *np.percentile(mean, (0.01, 99.9)))
    np.testing.assert_allclose(pair.noisy.read(), expected, rtol=1e-6)
    assert pair.split == "test"
    assert not pair.rescaled


def test_w2s_ready_made_averages_are_read_and_marked_as_rescaled(tmp_path):
    folders.w2s_averages(tmp_path, 80)
    pairs = by_name(open_dataset(tmp_path))
    assert {pair.level for pair in pairs.values()} == {"avg1", "avg2", "avg4", "avg8", "avg16"}
    assert all(pair.rescaled and pair.split == "train" for pair in pairs.values())


def test_shah_uses_the_first_colour_of_the_first_frames(tmp_path):
    stack = folders.shah(tmp_path)
    pairs = by_name(open_dataset(tmp_path))
    mean = stack[:6, ..., 0].mean(axis=0)
    expected = np.clip(mean, *np.percentile(mean, (0.01, 99.9)))
    np.testing.assert_allclose(pairs["shah_f85_t176_n2100_avg6"].noisy.read(), expected, rtol=1e-6)
    clean = pairs["shah_f85_t176_n2100_avg1"].clean.read()
    assert clean.mean() == pytest.approx(stack[..., 0].mean(), rel=0.01)


def test_isbi2012_adds_the_same_noise_every_time(tmp_path):
    stack = folders.isbi2012(tmp_path)
    dataset = open_dataset(tmp_path)
    assert dataset.missing == ("test-volume.tif",)
    pair = dataset.pairs[4]
    first, second = pair.noisy.read(), pair.noisy.read()
    np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(pair.clean.read(), stack[4])
    noise = first - stack[4]
    # 480 pixels: the standard deviation of a sample scatters by 25 / sqrt(2 * 480) = 0.8
    assert noise.std() == pytest.approx(25, abs=3)
    assert not np.array_equal(noise, dataset.pairs[5].noisy.read() - stack[5])


def test_a_users_table_is_enough(tmp_path):
    folders.write_tif(tmp_path / "a.tif", np.stack([folders.picture(1), folders.picture(2)]))
    folders.write_tif(tmp_path / "b.tif", folders.picture(3))
    (tmp_path / "pairs.csv").write_text(
        "noisy,clean,microscope,specimen,level,noisy_plane,value_range\n"
        "a.tif,b.tif,Two-Photon,F-actin,low,1,4095\n"
        "a.tif,b.tif,lightsheet,tubulin,low,,\n"
    )
    first, second = open_dataset(tmp_path).pairs
    np.testing.assert_array_equal(first.noisy.read(), folders.picture(2))
    assert (first.group, first.value_range) == ("twophoton/actin", 4095.0)
    assert (second.group, second.subject, second.value_range) == ("all", "tubulin", None)
    np.testing.assert_allclose(second.noisy.read(), (folders.picture(1) + folders.picture(2).astype(float)) / 2)
    assert first.name != second.name


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("noisy,truth\na.tif,b.tif\n", "layout"),
        ("noisy,clean\n,b.tif\n", "line 2: the column 'noisy' is empty"),
        ("noisy,clean,noisy_plane\na.tif,b.tif,last\n", "not an index"),
        ("noisy,clean,value_range\na.tif,b.tif,-3\n", "not a positive number"),
        ("noisy,clean\ngone.tif,b.tif\n", "missing"),
    ],
)
def test_a_bad_table_is_refused_in_one_line(tmp_path, table, said):
    folders.write_tif(tmp_path / "a.tif", folders.picture(1))
    folders.write_tif(tmp_path / "b.tif", folders.picture(1))
    (tmp_path / "pairs.csv").write_text(table)
    with pytest.raises(UnreadableFile, match=said) as refusal:
        open_dataset(tmp_path)
    assert "\n" not in str(refusal.value)


def test_an_unknown_folder_names_the_layouts(tmp_path):
    with pytest.raises(UnreadableFile, match=r"pairs\.csv"):
        open_dataset(tmp_path)
    with pytest.raises(BadInput, match="did you mean 'hagen'"):
        open_dataset(tmp_path, "hagn")
    with pytest.raises(UnreadableFile, match="does not exist"):
        open_dataset(tmp_path / "gone")


def test_damaged_files_are_named(tmp_path):
    folders.hagen(tmp_path, ["nucleus"])
    pair = open_dataset(tmp_path).pairs[0]
    pair.noisy.files[0].write_bytes(b"not a picture")
    with pytest.raises(UnreadableFile, match="nucleus-lowsnr"):
        pair.noisy.read()


def test_a_plane_that_is_not_there_is_refused(tmp_path):
    from autodip_ij.evaluation.datasets import ImageRecipe

    folders.write_tif(tmp_path / "a.tif", folders.picture(1))
    with pytest.raises(UnreadableFile, match="1 planes; no index 3"):
        ImageRecipe((tmp_path / "a.tif",), (3,)).read()


def test_every_layout_says_where_its_data_come_from():
    assert len(set(layout_names())) == len(LAYOUTS)
    for layout in LAYOUTS:
        assert layout.title
        assert layout.licence
        assert layout.source
        assert layout.download


def test_picking_by_level_group_and_number(tmp_path):
    folders.fmd_test_mix(tmp_path, IMAGE_TYPES)
    pairs = open_dataset(tmp_path).pairs
    picked = Selection(levels=("raw",), groups=("widefield", "confocal/actin"), per_group=2).apply(pairs)
    assert len(picked) == 4 * 2
    assert {pair.level for pair in picked} == {"raw"}
    assert {pair.group for pair in picked} == {
        "widefield/nucleus",
        "widefield/actin",
        "widefield/mito",
        "confocal/actin",
    }
    assert Selection().apply(pairs) == pairs


@pytest.mark.parametrize(
    ("pick", "said"),
    [
        (Selection(levels=("rwa",)), "did you mean 'raw'"),
        (Selection(groups=("confocl",)), "confocal"),
        (Selection(split="tets"), "did you mean 'test'"),
        (Selection(per_group=0), "at least 1"),
    ],
)
def test_a_pick_that_names_nothing_is_refused(tmp_path, pick, said):
    folders.fmd_test_mix(tmp_path, ["Confocal_MICE"])
    with pytest.raises(BadInput, match=said):
        pick.apply(open_dataset(tmp_path).pairs)


@pytest.mark.shared
def test_the_real_pairs_are_read_and_their_groups_are_known(shared):
    from autodip_ij.metrics import psnr

    dataset = open_dataset(shared / "data")
    assert not dataset.missing
    assert all(pair.group in group_names() for pair in dataset.pairs)
    pair = by_name(dataset)["fmd_twophoton_mito_fov19_c1"]
    # 30.14 dB on the 8-bit scale, as listed in the index of the data
    assert psnr(pair.clean.read(), pair.noisy.read(), data_range=255) == pytest.approx(30.14, abs=0.005)
