"""What the record needs to know of one plane, and how it is stored until the whole run is recorded."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from autodip_ij.denoising.tasks import PlaneResult
from autodip_ij.dip.options import GuardReading
from autodip_ij.images.image import read_lazy
from autodip_ij.noise.plane import PlaneNoise
from autodip_ij.noise.residual import Measured, Unknown, Value

if TYPE_CHECKING:
    from autodip_ij.denoising.cleaning import CleanPlane
    from autodip_ij.images.image import Image

Array = np.ndarray[Any, Any]

_PIXELS: dict[str, Any] = {"image": np.empty((0, 0), np.float32), "seen": None, "uncertainty": None}
"""Fields of a `PlaneResult` that no note holds."""


@dataclass(frozen=True)
class PlaneNote:
    """One plane, or a region of it: its last and earlier results, a hash of its input, which pixels count, and sums."""

    made: PlaneResult | None
    digest: str
    count: int
    nonfinite: int
    kept: int
    outliers: int
    striped: bool
    source: float
    result: float
    residual: float
    residual_squared: float
    earlier: tuple[PlaneResult, ...] = ()

    @property
    def passes(self) -> tuple[PlaneResult, ...]:
        """All times it was processed, in order."""
        return self.earlier + ((self.made,) if self.made else ())

    @classmethod
    def of(
        cls,
        source: Array,
        result: Array,
        made: PlaneResult | None = None,
        clean: CleanPlane | None = None,
        earlier: tuple[PlaneResult, ...] = (),
        *,
        own: tuple[slice, slice] = (slice(None), slice(None)),
    ) -> PlaneNote:
        """Take the note of what is a region's `own`, in grey values before (`source`) and after (`result`)."""
        digest = digest_of([source])
        source, result = source[own], result[own]
        finite = np.isfinite(source)
        valid = finite if clean is None else finite & clean.valid[own]
        a, b = source[valid].astype(np.float64), result[valid].astype(np.float64)
        return cls(
            made=made and replace(made, **_PIXELS),
            digest=digest,
            count=a.size,
            nonfinite=source.size - int(np.count_nonzero(finite)),
            kept=0 if clean is None else int(np.count_nonzero(clean.kept[own])),
            outliers=0 if clean is None else int(np.count_nonzero(clean.outliers[own])),
            striped=clean is not None and bool(clean.stripes),
            source=float(a.sum()),
            result=float(b.sum()),
            residual=float((a - b).sum()),
            residual_squared=float(((a - b) ** 2).sum()),
            earlier=earlier,
        )


def together(regions: Sequence[PlaneNote], digest: str) -> PlaneNote:
    """Return the note of a plane from those of all its regions and the digest of its pixels."""
    made = [region.made for region in regions if region.made]
    summed = ("count", "nonfinite", "kept", "outliers", "source", "result", "residual", "residual_squared")
    return PlaneNote(
        made=_made_of(made) if made else None,
        digest=digest,
        striped=any(region.striped for region in regions),
        **{name: sum(getattr(region, name) for region in regions) for name in summed},
    )


def _made_of(regions: Sequence[PlaneResult]) -> PlaneResult:
    """Return how a plane was processed, from how its regions were; of what they share, that of the last."""
    speeds = [region.seconds_per_iteration for region in regions if region.seconds_per_iteration is not None]
    return replace(
        regions[-1],
        stopped=any(region.stopped for region in regions),
        tiles=sum(region.tiles for region in regions),
        iterations=min(region.iterations for region in regions),
        seconds_per_iteration=float(np.median(speeds)) if speeds else None,
        seconds=sum(region.seconds for region in regions),
        messages=tuple(dict.fromkeys(message for region in regions for message in region.messages)),
        guards=tuple(guard for region in regions for guard in region.guards),
        classical_weight=max(region.classical_weight for region in regions),
        threads=tuple(sorted({threads for region in regions for threads in region.threads})),
    )


def rows_of(image: Image, place: tuple[int, ...]) -> Iterator[Array]:
    """Yield a plane of an image as blocks of whole rows, as it is read."""
    plane, top = image.data[place], 0
    for height in plane.chunks[0]:
        yield read_lazy(plane[top : top + height])
        top += height


def digest_of(rows: Iterator[Array] | list[Array]) -> str:
    """Return the SHA-256 of the pixels of a plane, little-endian, given as blocks of whole rows from top to bottom."""
    whole = hashlib.sha256()
    for block in rows:
        whole.update(np.ascontiguousarray(block, block.dtype.newbyteorder("<")).tobytes())
    return whole.hexdigest()


def to_json(note: PlaneNote, measured: Measured | None) -> dict[str, Any]:
    """Return a note of a plane that was processed once, and what was measured of it, as values of JSON."""
    values = {name: value for name, value in vars(note).items() if name not in ("made", "earlier")}
    if note.made is not None:
        made = asdict(note.made)
        values["made"] = {name: value for name, value in made.items() if name not in _PIXELS}
    if measured is not None:
        values["measured"] = {name: asdict(found) for name, found in measured.items()}
    return values


def from_json(values: dict[str, Any]) -> tuple[PlaneNote, Measured | None]:
    """Return what `to_json` was given.

    Raises
    ------
    TypeError, KeyError
        If the values are those of another version.
    """
    values = dict(values)
    measured, made = values.pop("measured", None), values.pop("made", None)
    if made is not None:
        fields: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in made.items()
        }
        fields["noise"] = None if made["noise"] is None else PlaneNoise(**made["noise"])
        fields["guards"] = tuple(GuardReading(**reading) for reading in made["guards"])
        made = PlaneResult(**fields, **_PIXELS)
    found: Measured | None = None
    if measured is not None:
        found = {name: Value(**entry) if "value" in entry else Unknown(**entry) for name, entry in measured.items()}
    return PlaneNote(made=made, **values), found
