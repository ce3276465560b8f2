from __future__ import annotations

import numpy as np
import pytest

from autodip_ij.classical.hessian_solver import functional, hessian_terms, minimise, second_difference
from autodip_ij.classical.sparse_hessian import SparseHessianParameters, search_parameters, sparse_hessian
from autodip_ij.errors import BadInput
from autodip_ij.metrics import psnr
from autodip_ij.noise.estimate import estimate_noise


def solve(image, *, fidelity, sparsity=0.0, continuity=1.0, iterations=3000):
    """Run to convergence."""
    return minimise(
        np,
        image,
        fidelity=fidelity,
        sparsity=sparsity,
        continuity=continuity,
        penalty=fidelity,
        iterations=iterations,
        tolerance=1e-9,
        stopped_after=lambda iteration, x: False,
    )


def test_the_terms_are_those_of_the_published_functional():
    flat = {term.axes: term.weight for term in hessian_terms(2, 9.0)}
    assert flat == {(0, 0): 1, (0, 1): 2, (1, 1): 1}
    volume = {term.axes: term.weight for term in hessian_terms(3, 0.25)}
    assert volume == {(0, 0): 0.25, (0, 1): 1.0, (0, 2): 1.0, (1, 1): 1, (1, 2): 2, (2, 2): 1}
    assert {term.axes for term in hessian_terms(3, 0.0)} == {(1, 1), (1, 2), (2, 2)}


@pytest.mark.parametrize("axes", [(0, 0), (1, 1), (0, 1)])
def test_second_differences_have_their_transpose(rng, axes):
    x, y = rng.random((2, 7, 9))
    forward = (second_difference(np, x, axes) * y).sum()
    backward = (x * second_difference(np, y, axes, adjoint=True)).sum()
    assert forward == pytest.approx(backward)


def test_second_differences_of_a_quadratic_are_its_second_derivatives():
    y, x = np.mgrid[0:12, 0:11].astype(float)
    quadratic = 1.5 * y**2 + 2 * x * y - x**2
    inner = np.s_[2:-2, 2:-2]
    for axes, expected in {(0, 0): 3, (0, 1): 2, (1, 1): -2}.items():
        np.testing.assert_allclose(second_difference(np, quadratic, axes)[inner], expected, atol=1e-9)


@pytest.mark.parametrize("shape", [(12, 15), (5, 8, 9)])
def test_no_step_in_any_direction_lowers_the_functional(rng, shape):
    # The functional is convex: what no small step improves is the minimum.
    image, weights = rng.random(shape), {"fidelity": 8.0, "sparsity": 0.7, "continuity": 0.5}
    solution = solve(image, **weights)
    lowest = functional(solution, image, **weights)
    directions = [rng.standard_normal(shape) for _ in range(50)]
    directions += [image - solution, solution, np.ones(shape), *np.eye(image.size)[:40].reshape(-1, *shape)]
    for direction in directions:
        for length in (1e-4, 1e-2, -1e-4, -1e-2):
            assert functional(solution + length * direction, image, **weights) > lowest - 1e-6 * lowest


def test_the_quadratic_program_solver_of_scipy_finds_the_same_minimum(rng):
    # L1 norms written with bounds (d = p - n, p and n >= 0) make a bounded least-squares problem, solved by L-BFGS-B
    # through the dual: max over abs(w) <= weights of the conjugate, x = image - D^T w / fidelity.
    from scipy.optimize import minimize

    image, fidelity = rng.random((6, 7)), 5.0
    operators = []
    for term in hessian_terms(2, 1.0):
        columns = [second_difference(np, unit.reshape(6, 7), term.axes).ravel() for unit in np.eye(42)]
        operators.append(term.weight * np.stack(columns, axis=1))
    matrix = np.concatenate([*operators, 0.4 * np.eye(42)])

    def dual(w):
        x = image.ravel() - matrix.T @ w / fidelity
        return fidelity / 2 * (x**2).sum(), -matrix @ x

    found = minimize(
        dual,
        np.zeros(len(matrix)),
        jac=True,
        bounds=[(-1, 1)] * len(matrix),
        method="L-BFGS-B",
        options={"maxiter": 20_000, "maxfun": 40_000, "ftol": 1e-14, "gtol": 1e-9},
    )
    expected = image - (matrix.T @ found.x / fidelity).reshape(6, 7)
    np.testing.assert_allclose(solve(image, fidelity=fidelity, sparsity=0.4), expected, atol=2e-4)


def test_sparsity_alone_is_the_soft_threshold(rng):
    # With a fidelity so large that the Hessian (weight 1) moves nothing, x = sign(f) max(abs(f) - sparsity, 0).
    image = (rng.random((31, 22)) - 0.3).astype(np.float32)
    result = solve(image.astype(float), fidelity=1e4, sparsity=1e3)
    np.testing.assert_allclose(result, np.sign(image) * np.maximum(np.abs(image) - 0.1, 0), atol=2e-3)


def test_a_plane_ramp_is_kept(rng):
    # The Hessian of a ramp is 0: nothing to smooth but the mirrored border.
    ramp = (np.mgrid[0:64, 0:50].sum(0) / 120).astype(np.float32)
    result = sparse_hessian(ramp, fidelity=50, sparsity=0)
    np.testing.assert_allclose(result[10:-10, 10:-10], ramp[10:-10, 10:-10], atol=2e-3)


def test_numpy_and_torch_agree(noisy):
    options = {"fidelity": 20.0, "iterations": 50, "tolerance": 0.0}
    by_numpy = sparse_hessian(noisy, backend="numpy", **options)
    by_torch = sparse_hessian(noisy, backend="torch", **options)
    # Rounding of two FFT libraries in float32 over 50 iterations.
    np.testing.assert_allclose(by_torch, by_numpy, atol=2e-5)


@pytest.mark.gpu
def test_cuda_agrees_with_numpy(noisy):
    torch = pytest.importorskip("torch")
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    from autodip_ij.classical.method import Run

    options = {"fidelity": 20.0, "iterations": 50, "tolerance": 0.0}
    by_cuda = sparse_hessian(noisy, run=Run(device="cuda"), backend="torch", **options)
    np.testing.assert_allclose(by_cuda, sparse_hessian(noisy, backend="numpy", **options), atol=2e-5)


def test_without_a_fidelity_the_residual_has_the_strength_of_the_noise(noisy):
    sigma = estimate_noise(noisy).model.sigma(noisy)
    assert np.std(noisy - sparse_hessian(noisy)) == pytest.approx(sigma, rel=0.05)


def test_background_and_sparsity_make_the_dark_flat(rng):
    image = np.clip(0.1 + 0.02 * rng.standard_normal((64, 64)), 0, 1).astype(np.float32)
    image[20:40, 20:40] += 0.6
    plain = sparse_hessian(image, fidelity=100, sparsity=0)
    sparse = sparse_hessian(image, fidelity=100, sparsity=0.05, background=0.1)
    assert np.std(sparse[:10]) < 0.2 * np.std(plain[:10])
    assert sparse[:10].mean() == pytest.approx(0.1, abs=0.005)


def test_continuity_along_the_first_axis_denoises_a_stack_better_than_its_planes(rng, scene):
    stack = np.stack([scene] * 6) + 0.1 * rng.standard_normal((6, *scene.shape)).astype(np.float32)
    options = {"fidelity": 15, "sparsity": 0, "iterations": 40, "backend": "numpy"}
    together = sparse_hessian(stack, **options)
    plane_by_plane = np.stack([sparse_hessian(plane, **options) for plane in stack])
    assert together.shape == stack.shape
    assert psnr(scene, together[3], data_range=1) > psnr(scene, plane_by_plane[3], data_range=1) + 1


def test_the_search_finds_the_best_of_its_grid(scene, noisy):
    trials = search_parameters(noisy, reference=scene, fidelities=(5, 40, 2000), sparsities=(0, 0.1), device="cpu")
    assert len(trials) == 6
    assert (trials[0].parameters.fidelity, trials[0].parameters.sparsity) == (40, 0)
    assert [trial.score for trial in trials] == sorted(trial.score for trial in trials)


def test_the_search_takes_a_criterion_instead_of_a_reference(noisy):
    target = 0.05
    trials = search_parameters(
        noisy,
        criterion=lambda result: abs(float(np.std(noisy - result)) - target),
        fidelities=(2, 50, 1000),
        sparsities=(0,),
        base=SparseHessianParameters(iterations=40),
        device="cpu",
    )
    assert trials[0].score == min(trial.score for trial in trials)
    assert trials[0].parameters.iterations == 40


def test_a_search_without_or_with_two_judges_is_refused(noisy):
    with pytest.raises(BadInput, match="either a reference or a criterion"):
        search_parameters(noisy)
    with pytest.raises(BadInput, match="either a reference or a criterion"):
        search_parameters(noisy, reference=noisy, criterion=np.std)


def test_four_axes_are_refused():
    with pytest.raises(BadInput, match=r"plane \(Y, X\) or a volume"):
        sparse_hessian(np.zeros((2, 2, 8, 8)))
