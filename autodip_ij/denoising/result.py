"""Results of a run and where they are written: image, uncertainty map, checked targets."""

from __future__ import annotations

import errno
import math
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from autodip_ij._support.files import remove_folder, remove_left_behind, unfinished_folder
from autodip_ij.denoising.partial import Partial
from autodip_ij.denoising.recipe import PlaneRecipe
from autodip_ij.denoising.report import Report, sidecar_path, to_json, write_sidecar
from autodip_ij.errors import UnwritableOutput
from autodip_ij.images.image import Image
from autodip_ij.images.reading.recognition import stem_of

if TYPE_CHECKING:
    import xarray as xr

    from autodip_ij.denoising.tasks import Plane
    from autodip_ij.images.window import Window
    from autodip_ij.images.writing.pixel_store import PixelStore
    from autodip_ij.settings import DenoiseSettings


SHARE_OF_MEMORY = 0.25
"""A result larger than this share of the free memory is not held there."""
LARGEST_IN_MEMORY = 256_000_000
"""Bytes from which on a result is held in a temporary file, so that a long stack takes the memory of a few planes."""


def default_output(source: Path) -> Path:
    """Return ``<name>_autodip.ome.tif`` beside the source.

    Examples
    --------
    >>> default_output(Path("cells.czi")).name
    'cells_autodip.ome.tif'
    """
    return source.with_name(f"{stem_of(source)}_autodip.ome.tif")


def uncertainty_path(output: Path) -> Path:
    """Return the path of the uncertainty map of `output`.

    Examples
    --------
    >>> uncertainty_path(Path("cells_autodip.ome.zarr")).name
    'cells_autodip.uncertainty.ome.tif'
    """
    return output.with_name(f"{stem_of(output)}.uncertainty.ome.tif")


def refuse_bad_targets(target: Path, source: Path | None, overwrite: bool, *, uncertainty: bool) -> None:
    """Refuse, before any computation, outputs that cannot or must not be written.

    Parameters
    ----------
    target
        The image; its sidecar stands beside it.
    source
        The input, which must not be overwritten; None if there is none.
    overwrite
        Replace an existing output.
    uncertainty
        Whether an uncertainty map is written beside the image.

    Raises
    ------
    autodip_ij.errors.UnwritableOutput
        If it is the source, exists (without `overwrite`), is a plain folder, if its name or that of its sidecar is too
        long, or if its folder is missing or cannot be written.
    autodip_ij.errors.BadInput
        If its suffix is not that of a format that can be written.
    """
    for path in (target, uncertainty_path(target)) if uncertainty else (target,):
        _refuse_bad_target(path, source, overwrite)


def _refuse_bad_target(target: Path, source: Path | None, overwrite: bool) -> None:
    from autodip_ij.images.writing.save import refuse_folder, refuse_suffix

    sidecar = sidecar_path(target)
    _refuse_long_names(target, sidecar)
    if source is not None and _same(target, source):
        raise UnwritableOutput(f"{target}: output and input are the same file; choose another output name")
    if os.path.lexists(target) and not overwrite:
        raise UnwritableOutput(f"{target}: exists already; choose another name or --overwrite")
    if target.is_dir() and target.suffix != ".zarr":
        raise UnwritableOutput(f"{target}: is a folder; give the name of the output file")
    if sidecar.is_dir():
        raise UnwritableOutput(
            f"{sidecar}: is a folder, but the record of the result must be written there; choose another name"
        )
    if not target.parent.is_dir():
        raise UnwritableOutput(f"{target}: the folder {target.parent} does not exist; create it first")
    refuse_suffix(target)
    refuse_folder(target)
    _refuse_place(target)


def _refuse_long_names(*paths: Path) -> None:
    """Refuse names that the file system cannot hold, of the output or of what is written beside it."""
    for path in paths:
        try:
            os.lstat(path)
        except OSError as error:
            if error.errno == errno.ENAMETOOLONG:
                raise UnwritableOutput(
                    f"{paths[0]}: too long for an output and its record {path.name[-24:]}; give a shorter name"
                ) from error
        except ValueError as error:
            raise UnwritableOutput(f"{paths[0]}: is not a possible file name ({error}); choose another one") from error


def _refuse_place(target: Path) -> None:
    """Refuse a folder in which no file can be created."""
    try:
        with tempfile.TemporaryFile(prefix=".autodip-", dir=target.parent):
            pass
    except OSError as error:
        raise UnwritableOutput(
            f"{target}: the folder {target.parent} cannot be written ({error.strerror or error}); choose another one"
        ) from error


def _same(a: Path, b: Path) -> bool:
    return a.resolve() == b.resolve() or (a.exists() and b.exists() and a.samefile(b))


def new_array(shape: tuple[int, ...], dtype: np.dtype[Any]) -> np.ndarray[Any, Any]:
    """Return an array of zeros, in memory or, where it is large, in an unnamed temporary file.

    Raises
    ------
    autodip_ij.errors.UnwritableOutput
        If neither has room for it.
    """
    import psutil

    size = math.prod(shape) * dtype.itemsize
    fits = size <= SHARE_OF_MEMORY * psutil.virtual_memory().available
    if fits and size <= LARGEST_IN_MEMORY:
        return np.zeros(shape, dtype)
    try:
        with tempfile.TemporaryFile(prefix="autodip-") as file:
            _reserve(file.fileno(), size)
            # The mapping holds the unnamed file open; it is freed with the array, also after a crash.
            return np.memmap(file, dtype, "w+", shape=shape)
    except OSError as error:
        if fits:
            return np.zeros(shape, dtype)
        raise UnwritableOutput(
            f"a result of {size / 1e9:.1f} GB fits neither in memory nor in {tempfile.gettempdir()} "
            f"({error.strerror}); set TMPDIR to a larger disk, or select fewer planes"
        ) from error


def _reserve(file: int, size: int) -> None:
    """Reserve the disk space now: a disk that fills up later, through the mapping, would kill the process."""
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(file, 0, size)
    elif shutil.disk_usage(tempfile.gettempdir()).free < size:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


ONE_FIT = (
    "no uncertainty map: it is the standard deviation between fits, and there is only one fit per tile; "
    "set n_fits=2 or more"
)
NO_FITS = (
    "no uncertainty map: it is the standard deviation between fits, and no network is fitted; set n_fits=2 or more"
)


def has_uncertainty(recipes: Iterable[PlaneRecipe | None]) -> bool:
    """Whether any of `recipes` averages several fits."""
    return any(recipe and recipe.fitted and recipe.network.n_fits > 1 for recipe in recipes)


class UncertaintyMap:
    """Collects the uncertainty of planes; NaN where there is none.

    Parameters
    ----------
    like
        The result's image: shape (T, C, Z, Y, X) and metadata.
    pixels
        Where they are collected, of that shape and NaN so far; by default a new array.
    """

    def __init__(self, like: Image, pixels: PixelStore | None = None) -> None:
        self._like = like
        self._pixels: Any = pixels
        if pixels is None:
            self._pixels = new_array(like.shape, np.dtype(np.float32))
            self._pixels[...] = np.nan

    def note(self, write: Callable[[Any, Plane], None], found: Plane | None, window: Window, strength: float) -> None:
        """Store the uncertainty `found`, in the scale of the fit: `write` puts values into the array it is given."""
        if found is not None:
            span = float(window.high) - float(window.low)
            write(self._pixels, (found.astype(np.float64) * span * strength).astype(np.float32))

    def image(self) -> Image:
        """Return the map as an image; the display ranges of the input mean nothing to it."""
        plain: Any = tuple(replace(channel, display_range=None) for channel in self._like.channels)
        return replace(self._like.with_data(self._pixels), channels=plain)


@dataclass(frozen=True, repr=False)
class Result:
    """A denoised image and the record of how it was computed.

    Attributes
    ----------
    output
        The image: the selected planes of the input, denoised, with all their metadata.
    report
        What was decided and done.
    uncertainty_output
        Standard deviation between the fits of every pixel, float32, in grey values, with the axes of `output`; NaN
        where there were fewer than two fits. None unless ``uncertainty`` was set and several fits were averaged.
    input
        The selected planes before; None if they are not known.
    """

    output: Image
    report: Report
    uncertainty_output: Image | None = None
    input: Image | None = None

    def __repr__(self) -> str:
        from autodip_ij.denoising.notebook import line_of

        return line_of(self.output, self.report)

    def _repr_html_(self) -> str | None:
        from autodip_ij.denoising.notebook import html_of

        try:
            return html_of(self.input, self.output, self.report)
        except Exception:  # e.g. of a file that was deleted meanwhile: the line is shown instead
            return None

    @property
    def image(self) -> np.ndarray[Any, Any]:
        """The pixels as an array with the axes of the input (a (Y, X) input gives (Y, X))."""
        return np.asarray(self.output)

    def to_xarray(self) -> xr.DataArray:
        """Return the pixels with channel names and pixel sizes as coordinates; see `Image.to_xarray`."""
        return self.output.to_xarray()

    @property
    def uncertainty(self) -> np.ndarray[Any, Any] | None:
        """`uncertainty_output` as an array with the axes of the input."""
        return None if self.uncertainty_output is None else np.asarray(self.uncertainty_output)

    def save(self, path: str | Path, *, overwrite: bool = False) -> Path:
        """Write image and sidecar; the format follows the suffix (``.ome.tif``, ``.ome.zarr``, ``.tif``).

        An uncertainty map is written beside the image as ``<name>.uncertainty.ome.tif``.

        Raises
        ------
        autodip_ij.errors.UnwritableOutput
            If the file exists and `overwrite` is false, or it cannot be written.
        """
        target = Path(path)
        uncertainty = self.uncertainty_output is not None
        refuse_bad_targets(target, self.output.source, overwrite, uncertainty=uncertainty)
        return self.write(target, overwrite=overwrite)

    def write(self, target: Path, *, overwrite: bool, held: Path | None = None) -> Path:
        """Write what `save` writes to a target that was checked before; `held` as in `write_held`."""
        from autodip_ij.images.writing.save import write, write_held

        record, provenance = self.report.output, to_json(self.report)
        if self.uncertainty_output is not None:
            beside = uncertainty_path(target)
            write(self.uncertainty_output, beside, overwrite=overwrite, provenance=provenance)
            record = record.model_copy(update={"uncertainty_file": beside.name})
        written = write_held(self.output, target, held, overwrite=overwrite, provenance=provenance)
        record = record.model_copy(update={"file": written.name})
        write_sidecar(self.report.model_copy(update={"output": record}), written)
        return written


@dataclass(frozen=True)
class FileResult:
    """The files written by `denoise_file`, and the record of the run."""

    output: Path
    sidecar: Path
    report: Report


def run_file(
    source: Path,
    output: Path,
    settings: DenoiseSettings,
    overwrite: bool,
    process: Callable[[Image, Partial], Result],
    show: Callable[[Image, Result], None] | None = None,
) -> FileResult:
    """Process one scene of a file into a file with a sidecar; refuses a bad target before anything is read.

    Planes are kept beside the output as they end: where the run ends early, the next one goes on from there.

    Parameters
    ----------
    source, output
        The files.
    settings
        Which scene is read, and what is written.
    overwrite
        Replace an existing output.
    process
        Turns the image into its result, which it keeps while it is made.
    show
        Called with the image and its result before that is written.

    Raises
    ------
    autodip_ij.errors.AutodipError
        One line with the cause and the remedy.
    """
    from autodip_ij.images import open_image
    from autodip_ij.images.writing.save import refuse_type

    overwrite = overwrite or _lacks_its_record(output)
    refuse_bad_targets(output, source, overwrite, uncertainty=settings.uncertainty)
    image = open_image(source, settings.scene)
    if settings.dtype == "same":
        refuse_type(output, image.dtype)
    with Partial(output) as partial:
        result = process(image, partial)
        if show:
            show(image, result)
        partial.writing()  # and nobody else is
        if partial.found:  # else nobody was: a folder of thousands of files takes long to search
            remove_left_behind(output, sidecar_path(output), uncertainty_path(output))
        written = result.write(output, overwrite=overwrite, held=partial.image)
        partial.done()
    return FileResult(written, sidecar_path(written), result.report)


def _lacks_its_record(output: Path) -> bool:
    """Whether a run was killed after it had written this output, but before its sidecar: the next one writes both.

    Of one that was killed after both, what it was made from is removed here.
    """
    folder, sidecar = unfinished_folder(output), sidecar_path(output)
    try:
        made = (folder / "journal").stat().st_mtime_ns
        if output.stat().st_mtime_ns < made:
            return False
        if not os.path.lexists(sidecar):
            return True
        if sidecar.stat().st_mtime_ns >= made:
            remove_folder(folder)
    except OSError:
        pass
    return False
