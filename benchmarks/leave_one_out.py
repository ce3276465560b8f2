"""What the choice of a setting is worth on unseen fields, from the stored scores of a calibration pack.

    python benchmarks/leave_one_out.py calibration/autodip --data $AUTODIP_SHARED/data

For every image of the pack the setting of each effort is chosen again from the other fields, by the criterion and the
tolerances of the pack, in several ways: one setting for all images; without metadata (from all images with noise of its
kind); by microscope; by microscope and specimen (of its group if other fields have any, else of its microscope, else of
its specimen, else of all); and by what can be measured: the setting of the images nearest to it. Beside them stands the
best setting of the image itself, as what could be had at most. Images whose kind of noise no other field has are left
out. Nothing is fitted: the scores come from results.parquet, so the fits that `best` averages count as one here.

Writes benchmarks/results/<name>_leave_one_out.csv and .md. Without the data the measured part is omitted.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from pathlib import Path
from typing import Any

import leave_one_out_page
import numpy as np
import pandas as pd
from _common import RESULTS, SHARED, parser_of
from image_quantities import QUANTITIES, distances, measure_pack
from leave_one_out_page import BEST, GROUP, MICROSCOPE, ONE, OWN, UNKNOWN

from autodip_ij.calibration import load_calibration
from autodip_ij.calibration.descriptors import descriptor_distances
from autodip_ij.errors import BadInput
from autodip_ij.evaluation.search.criteria import SETTING, by_effort, first_of, groups_of, images_of, judge
from autodip_ij.evaluation.search.grid import Grid

CRITERION = "lpips_psnr"
SCORES = ["psnr", "ssim", "lpips_01", "lpips_11"]
NEAREST = (1, 3)
"""Numbers of nearest images whose setting is taken."""

Setting = tuple[str, int]
Choice = Callable[[str], pd.Series]
"""Returns the weights of the images that decide on the setting of an image, by name."""


@dataclass(frozen=True)
class Pack:
    """Scores of a calibration pack.

    Attributes
    ----------
    name, grid
        Its name, and the grid of its search.
    results
        Scores by image and setting.
    images
        Microscope, specimen, field of view (``unit``) and kind of noise of each image, indexed by name.
    provenance
        As in the pack.
    """

    name: str
    grid: Grid
    results: pd.DataFrame
    images: pd.DataFrame
    provenance: Mapping[str, Any]

    @classmethod
    def read(cls, folder: Path) -> Pack:
        """Return the scores of a pack's folder."""
        provenance = json.loads((folder / "provenance.json").read_text())
        images = pd.read_csv(folder / "images.csv", dtype={"field": str}).set_index("image", drop=False)
        images["noise"] = images["noise"].fillna("") if "noise" in images else ""
        images[["microscope", "specimen"]] = images[["microscope", "specimen"]].fillna("")
        datasets = {entry["image"]: entry["dataset"] for entry in provenance["images"]}
        # Where a data set numbers no fields, every image is one.
        images["unit"] = images["image"].map(datasets) + " " + images["field"].fillna(images["image"])
        results = pd.read_parquet(folder / "results.parquet")
        return cls(folder.name, Grid.model_validate(provenance["grid"]), results, images, provenance)

    @cached_property
    def ranks(self) -> pd.DataFrame:
        """Score of every setting on every image, settings x images: its ranks by LPIPS and PSNR, added; 0 to 1."""
        found = {}
        for image, rows in self.results.groupby("image"):
            score = judge(rows, CRITERION)["score"]
            found[image] = score / (2 * len(score))
        return pd.DataFrame(found)

    def others(self, image: str, *, any_noise: bool = False) -> list[str]:
        """Return the images of other fields, with noise of the same kind."""
        this = self.images.loc[image]
        others = self.images[self.images["unit"] != this["unit"]]
        return list((others if any_noise else others[others["noise"] == this["noise"]]).index)

    def members(self, image: str, group: str) -> list[str]:
        """Return the images of `others` in a group."""
        others = self.images.loc[self.others(image)]
        for part in [] if group == "all" else group.split("/"):
            others = others[others["microscope"].eq(part) | others["specimen"].eq(part)]
        return list(others.index)

    def chosen(self, image: str, weights: pd.Series) -> dict[str, Setting]:
        """Return the settings for weighted images, of those that `image` was scored with: by effort, and the best one.

        Those of efforts are known only where all weights are equal.
        """
        if weights.nunique() > 1:
            return {BEST: self.best(image, weights)}
        own = self.ranks.index[self.ranks[image].notna()]
        pool = images_of(self.results, weights.index)
        judged = judge(pool[pool.set_index(list(SETTING)).index.isin(own)], CRITERION)
        return {**by_effort(judged, self.grid), BEST: first_of(judged)}

    def best(self, image: str, weights: pd.Series) -> Setting:
        """Return the setting with the least weighted mean score, of those that all these images were scored with."""
        scores = self.ranks.loc[self.ranks[image].notna(), weights.index].dropna()
        if scores.empty:
            raise BadInput("these images have no setting in common")
        return (scores * weights).sum(axis=1).idxmin()  # type: ignore[no-any-return]


def equally(names: Sequence[str]) -> pd.Series:
    """Return equal weights for images."""
    return pd.Series(1.0, list(names), dtype=float)


def choices(pack: Pack) -> dict[str, Choice]:
    """Return the ways of choosing that need no pixels."""

    def group(image: str, *, specimen: bool = True) -> pd.Series:
        microscope, kind = pack.images.loc[image, ["microscope", "specimen"]]
        groups = groups_of(microscope or None, (kind if specimen else "") or None)
        found = {name: pack.members(image, name) for name in groups}
        enough = (names for name, names in found.items() if name == "all" or len(names) >= pack.grid.fewest_images)
        return equally(next(enough))

    return {
        ONE: lambda image: equally(pack.others(image, any_noise=True)),
        UNKNOWN: lambda image: equally(pack.others(image)),
        MICROSCOPE: lambda image: group(image, specimen=False),
        GROUP: group,
        OWN: lambda image: equally([image]),
    }


def further_choices(pack: Pack, folder: Path, quantities: pd.DataFrame) -> dict[str, Choice]:
    """Return ways that could let similarity matter more: groups beside all images, descriptors, quantities."""
    described = {one.name: one.descriptor for one in load_calibration(folder).images if one.descriptor is not None}

    def groups_beside_all(image: str) -> pd.Series:
        weights = pd.Series(0.0, pack.others(image))
        for name in groups_of(*(value or None for value in pack.images.loc[image, ["microscope", "specimen"]])):
            members = pack.members(image, name)
            weights[members] += 1 / max(len(members), 1)
        return weights

    def by_descriptors(image: str) -> pd.Series:
        names = [name for name in pack.others(image) if name in described]
        every = [described[name] for name in described if name != image]
        return pd.Series(descriptor_distances(described[image], [described[name] for name in names], every), names)

    def by_quantities(columns: Sequence[str]) -> Choice:
        return lambda image: distances(quantities[list(columns)], image, pack.others(image))

    def nearest(distance: Choice, count: int) -> Choice:
        return lambda image: equally(distance(image).sort_values(kind="stable").index[:count])

    def nearness(distance: Choice) -> Choice:
        return lambda image: np.exp(-(distance(image) ** 2) / 2)

    def same_half(column: str) -> Choice:
        def choose(image: str) -> pd.Series:
            others = quantities[column].reindex(pack.others(image)).dropna()
            middle = others.median()
            return equally(others.index[(others > middle) == (quantities[column][image] > middle)])

        return choose

    measured = {"descriptors": by_descriptors}
    if len(quantities):
        measured |= {name: by_quantities([name]) for name in QUANTITIES}
        measured["all quantities"] = by_quantities(list(QUANTITIES))
    found: dict[str, Choice] = {"all images, weighted by groups": groups_beside_all}
    for name, distance in measured.items():
        for count in NEAREST:
            found[f"{name}, {'nearest image' if count == 1 else f'{count} nearest images'}"] = nearest(distance, count)
    if len(quantities):
        found |= {f"{name}, same half": same_half(name) for name in QUANTITIES}
    found |= {f"{name}, all images weighted by nearness": nearness(distance) for name, distance in measured.items()}
    return found


def leave_one_out(pack: Pack, ways: Mapping[str, Choice]) -> pd.DataFrame:
    """Return one row per image, choice and effort, or `BEST`; ``rank`` is the share of settings better for it."""
    rows = []
    for image in pack.images.index:
        if not pack.others(image):
            continue
        at = images_of(pack.results, [image]).set_index(list(SETTING))[SCORES]
        at["rank"] = (pack.ranks[image].rank() - 1) / pack.ranks[image].count()
        for way, choose in ways.items():
            try:
                weights = choose(image)
                chosen = pack.chosen(image, weights)
            except (BadInput, KeyError) as reason:
                print(f"{image}, {way}: omitted, {reason}")
                continue
            for effort, setting in chosen.items():
                row = {"image": image, "field": pack.images["unit"][image], "choice": way, "effort": effort}
                row |= {"images": len(weights), "configuration": setting[0], "iterations": setting[1]}
                rows.append(row | at.loc[setting].round(4).to_dict())
    return pd.DataFrame(rows)


def at_random(pack: Pack) -> Iterator[tuple[int, float]]:
    """Yield, for each of `NEAREST`, the mean PSNR with the settings of so many other images, over all draws of them."""
    psnr = pack.results.pivot(index=list(SETTING), columns="image", values="psnr")
    for count in NEAREST:
        means = []
        for image in pack.images.index:
            draws = [equally(names) for names in combinations(pack.others(image), count)]
            means += [np.mean([psnr.loc[pack.best(image, draw), image] for draw in draws])] if draws else []
        yield count, float(np.mean(means))


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("pack", type=Path)
    parser.add_argument("--data", type=Path, default=SHARED / "data", help="the pairs that the pack was made from")
    parser.add_argument("--out", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    pack = Pack.read(arguments.pack)
    measured = pd.DataFrame()
    if arguments.data.is_dir():
        digests = {entry["image"]: entry["digest"] for entry in pack.provenance["images"]}
        measured = measure_pack(arguments.data, pack.images, pack.provenance["options"]["crop"], digests)
    plain, further = choices(pack), further_choices(pack, arguments.pack, measured)
    table = leave_one_out(pack, plain | further)
    table = table[(table["effort"] == BEST) | table["choice"].isin(plain)]
    name = f"{pack.name}_leave_one_out"
    table.to_csv(arguments.out / f"{name}.csv", index=False)
    text = leave_one_out_page.page(
        pack.name, pack.provenance, pack.images, table, list(plain), measured, at_random(pack)
    )
    (arguments.out / f"{name}.md").write_text(text)
    print(text)


if __name__ == "__main__":
    main()
