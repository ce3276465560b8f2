"""``autodip demo``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

if TYPE_CHECKING:
    import numpy as np

    from autodip_ij.denoising.result import FileResult
    from autodip_ij.evaluation.datasets.synthetic import Sample


def demo(
    folder: Path = Path("autodip-demo"),
    *,
    device: str = "auto",
    seed: int = 1,
    quiet: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """Create a sample with known noise, denoise it like any file, and compare it with the clean image.

    Parameters
    ----------
    folder
        Folder for sample, result, sidecar and picture; existing ones are replaced.
    device
        auto, cuda, mps or cpu.
    seed
        Seed of the fits.
    quiet
        Show only the scores.
    """
    from autodip_ij.cli.console import console_progress
    from autodip_ij.denoising.api import denoise_file
    from autodip_ij.errors import UnwritableOutput
    from autodip_ij.evaluation.datasets.synthetic import make_sample
    from autodip_ij.images import write
    from autodip_ij.settings import DenoiseSettings

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UnwritableOutput(f"{folder}: cannot create the folder ({error.strerror})") from error
    sample = make_sample()
    source = write(sample.noisy, folder / "sample.ome.tif", dtype="same", overwrite=True)
    settings = DenoiseSettings.parse(device=device, seed=seed)
    with console_progress(quiet=quiet) as progress:
        result = denoise_file(source, folder / "sample_autodip.ome.tif", settings, overwrite=True, progress=progress)
    _show(sample, result, folder)


def _show(sample: Sample, result: FileResult, folder: Path) -> None:
    import numpy as np
    from rich.console import Console
    from rich.table import Table

    from autodip_ij.cli.console import text
    from autodip_ij.images import read
    from autodip_ij.metrics import psnr, ssim

    denoised = np.asarray(read(result.output)).reshape(sample.clean.shape)
    noisy = np.asarray(sample.noisy).reshape(sample.clean.shape)
    table = Table("channel", "", "PSNR, dB", "SSIM", "mean kept")
    smoothed = np.stack([_best_gaussian(plane, clean) for plane, clean in zip(noisy, sample.clean, strict=True)])
    for c, channel in enumerate(result.report.channels):
        clean, scale = sample.clean[c], {"data_range": float(np.ptp(sample.clean[c]))}
        rows = {"noisy": noisy[c], "best Gaussian": smoothed[c], "AUTO-DIP": denoised[c]}
        for name, plane in rows.items():
            scores = f"{psnr(clean, plane, **scale):.2f}", f"{ssim(clean, plane, **scale):.3f}"
            kept = f"{100 * (channel.mean_ratio or 0):.1f} %" if name == "AUTO-DIP" else ""
            table.add_row(text(channel.name) if name == "noisy" else "", name, *scores, kept)
    picture = _picture(sample, noisy, smoothed, denoised, folder)
    console = Console()
    console.print(table)
    console.print(
        f"{result.report.seconds:.0f} s on {result.report.device} in {result.report.precision}", highlight=False
    )
    for path in (result.output, result.sidecar, picture):
        console.print(text(path), highlight=False, soft_wrap=True)


def _best_gaussian(noisy: np.ndarray[Any, Any], clean: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Smooth a plane with the sigma that brings it nearest to its clean image, which favours the Gaussian."""
    import numpy as np

    from autodip_ij.classical import run_method

    smoothed = (run_method("gaussian", noisy.astype(np.float32), sigma_px=s / 4) for s in range(1, 17))
    return min(smoothed, key=lambda plane: float(np.mean((plane - clean) ** 2)))


def _picture(
    sample: Sample,
    noisy: np.ndarray[Any, Any],
    smoothed: np.ndarray[Any, Any],
    denoised: np.ndarray[Any, Any],
    folder: Path,
) -> Path:
    """Draw one row of images per channel: noisy, best Gaussian, denoised, clean, and residual."""
    import numpy as np

    from autodip_ij._support.files import write_bytes
    from autodip_ij._support.pictures import Row, Tile, picture
    from autodip_ij.evaluation.figures.panels import bar_length, busiest_square, display_range, residual_limit

    size = sample.noisy.pixel_size.x
    rows = []
    for c, channel in enumerate(sample.noisy.channels):
        clean = sample.clean[c]
        (low, high), residual = display_range(clean), np.asarray(noisy[c], np.float32) - denoised[c]
        limit, length = residual_limit(residual), bar_length(clean.shape[1], size)
        bar = (length / (size or 1.0), f"{length:g} {'µm' if size else 'px'}")
        tiles = [
            Tile(noisy[c], "noisy", low, high, bar=bar),
            Tile(smoothed[c], "best Gaussian", low, high),
            Tile(denoised[c], "AUTO-DIP", low, high),
            Tile(clean, "clean", low, high),
            Tile(residual, f"residual, {-limit:.3g} to {limit:.3g}", -limit, limit, signed=True),
        ]
        rows.append(Row(tiles, channel.name, busiest_square(clean, max(min(clean.shape) // 4, 8))))
    return write_bytes(folder / "panel.png", picture(rows))
