from __future__ import annotations

import builtins
import sys

import numpy as np
import pytest

from autodip_ij import classical
from autodip_ij.errors import BadInput, Cancelled, EnvironmentProblem
from autodip_ij.metrics import mean_ratio, psnr
from autodip_ij.noise.estimate import estimate_noise
from autodip_ij.progress import Stop

CLASSIC = [name for name in classical.method_names() if name != "original-dip"]
FREE = [name for name in CLASSIC if "bm3d" not in name]


def needs(name: str) -> None:
    if "bm3d" in name:
        pytest.importorskip("bm3d", reason="the optional package bm3d (non-commercial licence) is not installed")


@pytest.mark.parametrize("name", CLASSIC)
def test_every_method_removes_noise_and_keeps_shape_scale_and_mean(name, scene, noisy):
    needs(name)
    result = classical.run_method(name, noisy, device="cpu")
    assert result.shape == noisy.shape
    assert result.dtype == np.float32
    assert psnr(scene, result, data_range=1) > psnr(scene, noisy, data_range=1) + 3
    # Shot noise is skewed: its median lies below its mean.
    assert mean_ratio(noisy, result) == pytest.approx(1, abs=0.03 if name == "median" else 0.02)


@pytest.mark.parametrize("name", CLASSIC)
def test_the_input_is_left_alone_and_the_result_is_the_same_each_time(name, noisy):
    needs(name)
    before = noisy.copy()
    first, second = (classical.run_method(name, noisy, device="cpu") for _ in range(2))
    np.testing.assert_array_equal(noisy, before)
    # The threads of BM3D add in changing order, which moves the last digit.
    np.testing.assert_allclose(first, second, rtol=0, atol=1e-5 if "bm3d" in name else 0)


@pytest.mark.parametrize("name", CLASSIC)
def test_a_constant_plane_stays_constant(name):
    needs(name)
    result = classical.run_method(name, np.full((40, 33), 0.25, np.float32), device="cpu")
    np.testing.assert_allclose(result, 0.25, atol=1e-5)


@pytest.mark.parametrize("name", ["vst-nlm", "vst-wavelet", "vst-nl-ridge", "vst-bm3d"])
def test_given_noise_is_used_instead_of_the_estimate(name, noisy):
    needs(name)
    given = classical.run_method(name, noisy, a=0.02, b=1e-4)
    weaker = classical.run_method(name, noisy, a=0.002, b=1e-5)
    assert np.std(noisy - weaker) < 0.7 * np.std(noisy - given)


def test_stabilising_helps_where_noise_grows_with_the_signal(rng, scene):
    noisy = (0.05 * rng.poisson(scene / 0.05)).astype(np.float32)
    plain, stabilised = (classical.run_method(name, noisy) for name in ("nlm", "vst-nlm"))
    assert psnr(scene, stabilised, data_range=1) > psnr(scene, plain, data_range=1)


@pytest.mark.parametrize("name", ["vst-nlm", "vst-wavelet", "vst-nl-ridge"])
def test_stabilised_methods_are_nearer_to_the_truth_than_the_noisy_image(rng, scene, name):
    noisy = (0.05 * rng.poisson(scene / 0.05)).astype(np.float32)
    assert psnr(scene, classical.run_method(name, noisy), data_range=1) > psnr(scene, noisy, data_range=1) + 5


def test_wavelets_follow_the_image_when_it_is_turned(noisy):
    """Shifts go one way only; the margin keeps opposite borders apart."""
    turned = classical.run_method("vst-wavelet", noisy[::-1, ::-1])[::-1, ::-1]
    assert np.abs(turned - classical.run_method("vst-wavelet", noisy)).mean() < 0.15 * np.std(noisy)


def test_the_strength_of_blur_follows_its_parameter(noisy):
    deviations = [np.std(classical.run_method("gaussian", noisy, sigma_px=s)) for s in (0.5, 2, 8)]
    assert deviations == sorted(deviations, reverse=True)
    impulse = np.zeros((9, 9), np.float32)
    impulse[4, 4] = 1
    assert classical.run_method("median", impulse, size_px=3).max() == 0


def test_total_variation_without_a_weight_removes_as_much_as_there_is_noise(noisy):
    sigma = estimate_noise(noisy).model.sigma(noisy)
    assert np.std(noisy - classical.run_method("tv", noisy)) == pytest.approx(sigma, rel=0.07)


@pytest.mark.parametrize("name", FREE)
def test_steps_are_reported_and_can_cancel(name, noisy):
    seen = []

    def watch(step):
        seen.append(step)
        assert step.preview().shape == noisy.shape
        return Stop.NO

    result = classical.run_method(name, noisy, on_step=watch, device="cpu")
    assert seen
    assert seen[-1].iteration <= seen[-1].total == classical.step_count(name)
    assert result.shape == noisy.shape
    with pytest.raises(Cancelled):
        classical.run_method(name, noisy, on_step=lambda step: Stop.DISCARD, device="cpu")


@pytest.mark.parametrize("name", ["tv", "sparse-hessian"])
def test_stop_and_keep_returns_what_there_is(name, noisy):
    steps = []
    parameters = {"fidelity": 20, "tolerance": 0} if name == "sparse-hessian" else {}

    def stop_at_the_second(step):
        steps.append(step.iteration)
        return Stop.KEEP if step.iteration == 2 else Stop.NO

    result = classical.run_method(name, noisy, on_step=stop_at_the_second, device="cpu", **parameters)
    assert steps == [1, 2]
    assert np.isfinite(result).all()


def test_original_dip_is_the_published_network(monkeypatch, noisy):
    import autodip_ij.dip as dip

    asked = {}

    def fit(plane, architecture, options, **keywords):
        asked.update(architecture=architecture, options=options, **keywords)
        return type("Result", (), {"image": plane})()

    monkeypatch.setattr(dip, "fit", fit, raising=False)
    plane = np.zeros((64, 65), np.float32)
    classical.run_method("original-dip", plane, device="cpu", seed=7)
    architecture, options = asked["architecture"], asked["options"]
    assert (architecture.depth, architecture.width, architecture.skip) == (5, 128, 4)
    assert (options.iterations, options.seed, options.loss, options.averaging) == (1800, 7, "mse", 0.0)
    assert asked["device"] == "cpu"


def test_original_dip_runs():
    rng = np.random.default_rng(3)
    plane = rng.random((33, 40)).astype(np.float32)
    result = classical.run_method("original-dip", plane, iterations=2, device="cpu")
    assert result.shape == plane.shape
    assert np.isfinite(result).all()


@pytest.mark.parametrize(
    ("name", "parameters", "message"),
    [
        ("gausian", {}, "unknown method 'gausian'; did you mean 'gaussian'"),
        ("gaussian", {"sigma": 1}, "unknown setting 'sigma'; did you mean 'sigma_px'"),
        ("gaussian", {"sigma_px": -1}, "gaussian: sigma_px: '-1' is not possible"),
        ("vst-nlm", {"a": 0.1}, "both a and b"),
        ("sparse-hessian", {"backend": "nunpy"}, "did you mean 'numpy'"),
    ],
)
def test_unknown_names_and_values_are_refused_with_the_remedy(noisy, name, parameters, message):
    with pytest.raises(BadInput, match=message):
        classical.run_method(name, noisy, **parameters)


@pytest.mark.parametrize("plane", [np.zeros((2, 8, 8)), np.zeros((0, 8)), np.full((8, 8), np.nan)])
def test_what_is_no_finite_plane_is_refused(plane):
    with pytest.raises(BadInput, match=r"one plane|NaN"):
        classical.run_method("gaussian", plane)


def test_without_bm3d_the_error_names_extra_and_licence(monkeypatch, noisy):
    real_import = builtins.__import__

    def no_bm3d(name, *arguments, **keywords):
        if name == "bm3d":
            raise ImportError(name)
        return real_import(name, *arguments, **keywords)

    monkeypatch.setattr(builtins, "__import__", no_bm3d)
    with pytest.raises(EnvironmentProblem, match=r"non-commercial use only: pip install 'autodip_ij\[bm3d\]'"):
        classical.run_method("bm3d", noisy)


@pytest.mark.parametrize("name", classical.method_names())
def test_every_parameter_is_documented_and_has_a_default(name):
    model = classical.parameters_of(name)
    assert model.__doc__
    assert model()
    assert all(field.description for field in model.model_fields.values())


def test_importing_the_methods_loads_no_torch():
    import subprocess

    code = (
        "import sys, autodip_ij.classical as b; "
        "[b.parameters_of(n) for n in b.method_names()]; sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.shared
def test_blind_vst_bm3d_reaches_its_published_strength_on_two_photon_mito(shared):
    # 37.95 dB: mean over the four captures of this field, measured independently (8-bit scale).
    pytest.importorskip("bm3d", reason="the optional package bm3d (non-commercial licence) is not installed")
    from skimage.io import imread

    folder = shared / "data" / "fmd"
    clean, noisy = (imread(folder / f"twophoton_mito_fov19_{kind}.png") for kind in ("gt", "c1_noisy"))
    crop = np.s_[160:320, 160:320]
    denoised = 255 * classical.run_method("vst-bm3d", noisy[crop] / 255)
    assert psnr(clean[crop], denoised, data_range=255) == pytest.approx(37.95, abs=1.0)


@pytest.mark.parametrize("wavelet", ["haar", "sym4", "coif1"])
def test_wavelets_are_shrunk_as_by_scikit_image(noisy, wavelet):
    from skimage.restoration import denoise_wavelet

    from autodip_ij.classical.wavelets import shrink_wavelets

    padded = np.pad(noisy.astype(np.float64), 8, mode="symmetric")
    known = denoise_wavelet(padded, sigma=0.1, wavelet=wavelet, method="BayesShrink", rescale_sigma=False)
    np.testing.assert_array_equal(shrink_wavelets(noisy, 0.1, wavelet=wavelet, shifts_px=0), known[8:-8, 8:-8])


def test_wavelets_do_not_hand_their_work_to_a_cluster(noisy, monkeypatch):
    """In a worker of one, shifts that are sent to the cluster wait behind the jobs that wait for them."""
    import dask

    def refuse(*_, **__):
        raise AssertionError("the work was handed to Dask")

    monkeypatch.setattr(dask, "compute", refuse)
    monkeypatch.setattr("dask.base.compute", refuse)
    assert classical.run_method("vst-wavelet", noisy).shape == noisy.shape
