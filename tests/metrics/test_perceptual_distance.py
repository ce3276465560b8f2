from __future__ import annotations

import sys

import numpy as np
import pytest

from autodip_ij.errors import BadInput, EnvironmentProblem
from autodip_ij.metrics import lpips, lpips_available
from autodip_ij.metrics.perceptual_distance import WEIGHTS_VARIABLE, lpips_network


@pytest.fixture
def no_weights(monkeypatch, tmp_path):
    """No weights named, none cached, no way to the network."""
    import torch

    monkeypatch.delenv(WEIGHTS_VARIABLE, raising=False)
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))

    def offline(*_args: object, **_options: object) -> None:
        raise OSError("no route to host")

    monkeypatch.setattr("urllib.request.urlopen", offline)
    monkeypatch.setattr("torch.hub.urlopen", offline)


@pytest.mark.shared
@pytest.mark.parametrize(
    ("net", "convention", "expected"),
    [
        ("alex", "minus_one_one", (0.721881, 0.137566)),
        ("alex", "zero_one", (0.7253, 0.1354)),
        ("squeeze", "minus_one_one", (0.711048, 0.147902)),
    ],
)
def test_the_authors_example_images_have_their_regression_values(lpips_weights, net, convention, expected):
    # Values of LPIPS 0.1 on its own example pictures (colour), from the README beside the weights.
    import torch
    from skimage.io import imread

    def colours(name: str) -> torch.Tensor:
        picture = imread(lpips_weights / "check_images" / f"{name}.png")[..., :3] / 255
        return torch.from_numpy(picture.astype(np.float32)).permute(2, 0, 1)[None]

    model = lpips_network(net, weights=lpips_weights)
    measured = [
        model(colours("ex_ref"), colours(name), normalize=convention == "minus_one_one").item()
        for name in ("ex_p0", "ex_p1")
    ]
    assert measured == pytest.approx(expected, abs=1e-4 if convention == "zero_one" else 2e-6)


@pytest.mark.shared
@pytest.mark.parametrize(
    ("field", "in_zero_one", "in_minus_one_one", "published"),
    [("twophoton_mito", 0.232, 0.366, 0.239), ("widefield_nucleus", 0.470, 0.516, 0.470)],
)
def test_noisy_fmd_images_have_the_papers_values(
    fmd_pair, lpips_weights, field, in_zero_one, in_minus_one_one, published
):
    # Table II ("noisy", mean of raw and avg2, four captures) and an independent measurement on the captures we hold.
    pairs = [fmd_pair(f"{field}_fov19", capture) for capture in ("c1", "avg2a")]

    def mean(convention: str) -> float:
        values = [
            lpips(clean, noisy, data_range=255, convention=convention, weights=lpips_weights) for clean, noisy in pairs
        ]
        return float(np.mean(values))

    assert mean("zero_one") == pytest.approx(in_zero_one, abs=1e-3)
    assert mean("minus_one_one") == pytest.approx(in_minus_one_one, abs=1e-3)
    assert mean("zero_one") == pytest.approx(published, abs=0.01)


@pytest.mark.shared
def test_scale_words_and_numbers_agree(lpips_weights, rng):
    reference, image = rng.random((2, 65, 70))
    reference.flat[:2] = 0, 1
    by_number = lpips(reference, image, data_range=1, weights=lpips_weights)
    by_word = lpips(1000 + 50 * reference, 1000 + 50 * image, data_range="reference", weights=lpips_weights)
    assert by_word == pytest.approx(by_number, abs=1e-5)


@pytest.mark.shared
@pytest.mark.parametrize("shape", [(1, 1), (7, 90), (63, 64)])
def test_small_planes_are_mirrored_to_the_smallest_side(lpips_weights, rng, shape):
    reference, image = rng.random((2, *shape))
    pads = [((64 - side) // 2, 64 - side - (64 - side) // 2) if side < 64 else (0, 0) for side in shape]
    by_hand = [np.pad(plane, pads, mode="symmetric") for plane in (reference, image)]
    assert lpips(reference, image, data_range=1, weights=lpips_weights) == pytest.approx(
        lpips(*by_hand, data_range=1, weights=lpips_weights)
    )
    assert lpips(reference, reference, data_range=1, weights=lpips_weights) == 0


@pytest.mark.shared
def test_the_network_is_loaded_once_and_leaves_the_random_numbers_alone(lpips_weights, monkeypatch):
    import torch

    from autodip_ij.metrics import perceptual_distance as module

    monkeypatch.setenv(WEIGHTS_VARIABLE, str(lpips_weights))
    module._load.cache_clear()
    torch.manual_seed(3)
    expected = torch.rand(4)
    torch.manual_seed(3)
    first = lpips_network("alex")
    assert torch.equal(torch.rand(4), expected)
    assert lpips_network("alex", weights=lpips_weights) is first
    assert lpips_available("alex")


def test_without_weights_the_error_names_the_remedy(no_weights, rng):
    assert not lpips_available()
    with pytest.raises(EnvironmentProblem, match=rf"alexnet_features\.pth.*--lpips-weights or \${WEIGHTS_VARIABLE}"):
        lpips(*rng.random((2, 64, 64)), data_range=1)


def test_weights_in_the_cache_of_torchvision_are_found_under_its_names(no_weights, tmp_path):
    from torchvision.models import AlexNet_Weights, SqueezeNet1_1_Weights

    cache = tmp_path / "hub" / "checkpoints"
    cache.mkdir(parents=True)
    for net, weights in (("alex", AlexNet_Weights), ("squeeze", SqueezeNet1_1_Weights)):
        assert not lpips_available(net)
        (cache / weights.IMAGENET1K_V1.url.rsplit("/", 1)[1]).touch()
        assert lpips_available(net)


def test_a_named_folder_without_weights_is_an_error_not_a_download(no_weights, tmp_path, rng):
    assert not lpips_available(weights=tmp_path)
    with pytest.raises(EnvironmentProblem, match=r"put alexnet_features\.pth or alexnet-owt"):
        lpips(*rng.random((2, 64, 64)), data_range=1, weights=tmp_path)


def test_a_damaged_weights_file_is_named(no_weights, tmp_path, rng):
    import torch

    (tmp_path / "alexnet_features.pth").write_bytes(b"not a network")
    with pytest.raises(EnvironmentProblem, match=r"alexnet_features\.pth is not a file of network weights"):
        lpips(*rng.random((2, 64, 64)), data_range=1, weights=tmp_path)
    torch.save({"0.weight": torch.zeros(1)}, tmp_path / "squeezenet1_1_features.pth")
    with pytest.raises(EnvironmentProblem, match="does not hold the 'squeeze' backbone"):
        lpips(*rng.random((2, 64, 64)), data_range=1, net="squeeze", weights=tmp_path)


@pytest.mark.parametrize(("option", "value"), [("net", "alexnet"), ("convention", "zero-one")])
def test_unknown_words_name_the_nearest(option, value, rng):
    with pytest.raises(BadInput, match="did you mean"):
        lpips(*rng.random((2, 64, 64)), data_range=1, **{option: value})


def test_importing_the_measures_loads_no_torch():
    import subprocess

    code = "import sys, autodip_ij.metrics as m; m.psnr; m.lpips; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
