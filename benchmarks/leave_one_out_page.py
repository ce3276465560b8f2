"""The page of `leave_one_out.py`: means by choice, and the share of what could be had that each choice gains."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from _common import machine_line
from image_quantities import QUANTITIES
from quality_intervals import clustered_mean

from autodip_ij.evaluation.markdown import NONE
from autodip_ij.evaluation.markdown import table as markdown_table

ONE = "one setting for all"
UNKNOWN = "no metadata"
MICROSCOPE = "by microscope"
GROUP = "by microscope and specimen"
OWN = "own best"
BEST = "best setting"
"""Stands among the efforts: the first setting by the criterion, whatever it costs."""
WORTH_DB = 0.1
"""Gain over no metadata from which a group is called worthwhile."""
WANTED_SHARE = 0.5
"""Share of the distance to the own best that a choice is wanted to gain."""
_SAME_DB = 0.005
_SMALLEST_DISTANCE_DB = 0.02
"""A share of less than this is no figure."""


def summary(table: pd.DataFrame, effort: str = BEST) -> pd.DataFrame:
    """Return means by choice at an effort, their share of the distance to the own best, and gains over no metadata.

    Parameters
    ----------
    table
        From `leave_one_out.leave_one_out`; images without one of the choices are left out.
    effort
        The effort, or `BEST`.

    Returns
    -------
    pandas.DataFrame
        Indexed by choice: ``images``, mean ``psnr``, ``lpips_01`` and ``rank``; ``share_psnr`` and ``share_rank``; mean
        ``gain`` in PSNR, dB, its interval over fields (``low``, ``high``), number of images ``better`` and ``worse``.
    """
    chosen = table[table["effort"] == effort]
    by = chosen.pivot(index="image", columns="choice", values=["psnr", "lpips_01", "rank"]).dropna()
    fields = chosen.drop_duplicates("image").set_index("image")["field"].loc[by.index].to_numpy(str)
    rows = []
    for way in dict.fromkeys(chosen["choice"]):
        row: dict[str, Any] = {"choice": way, "images": len(by)}
        row |= {name: by[name, way].mean() for name in ("psnr", "lpips_01", "rank")}
        for name, least in (("psnr", _SMALLEST_DISTANCE_DB), ("rank", 0.0)):
            distance = by[name, OWN].mean() - by[name, ONE].mean()
            gained = row[name] - by[name, ONE].mean()
            row[f"share_{name}"] = gained / distance if abs(distance) > least else np.nan
        gain = (by["psnr", way] - by["psnr", UNKNOWN]).to_numpy()
        row["gain"], row["low"], row["high"] = clustered_mean(gain, fields)
        row["better"], row["worse"] = (gain > _SAME_DB).sum(), (gain < -_SAME_DB).sum()
        rows.append(row)
    return pd.DataFrame(rows).set_index("choice")


def page(
    name: str,
    provenance: Mapping[str, Any],
    images: pd.DataFrame,
    table: pd.DataFrame,
    plain: Sequence[str],
    measured: pd.DataFrame,
    chance: Iterable[tuple[int, float]],
) -> str:
    """Return the page.

    Parameters
    ----------
    name, provenance, images
        Of the pack.
    table
        From `leave_one_out.leave_one_out`.
    plain
        Choices that need no pixels.
    measured
        Quantities by image; empty without data.
    chance
        Number of images drawn at random, and the mean PSNR of the settings they choose.
    """
    of_plain = table[table["choice"].isin(plain)]
    best, further = summary(of_plain), summary(table)
    left_out = [image for image in images.index if image not in set(table["image"])]
    lines = [
        f"# `{name}` on fields it has not seen\n",
        f"Scores of {provenance['made'][:10]}, {provenance['machine']['processor']}: {table['image'].nunique()} images "
        f"of {table['field'].nunique()} fields, central squares of {provenance['options']['crop']} px. Made by `python "
        f"benchmarks/leave_one_out.py calibration/{name}` ({machine_line()}). PSNR with peak 255, LPIPS of images in "
        "[0, 1]. The field of an image has no part in the choice of its setting.\n",
    ]
    if left_out:
        lines.append(f"Left out, since no other field has their kind of noise: {', '.join(left_out)}.\n")
    if provenance.get("rungs"):
        lines.append("The fits that reached the whole images were selected on images of all fields.\n")
    lines += [
        "## Means by effort, PSNR / LPIPS\n",
        _by_effort(of_plain, plain),
        "## What the choice of the best setting gains\n",
        "Share of the distance from one setting for all to each image's own best: by PSNR, and by the rank that the "
        "search minimises (by PSNR and LPIPS together; 0 is the best setting of the image, 1 the worst). Gain over no "
        "metadata with a 95 % interval over fields, and the number of images on which it is positive and negative.\n",
        _table(best),
        *_verdict(best),
        "## Image by image, PSNR / LPIPS with the best setting\n",
        _image_table(of_plain, plain),
        "## Does similarity tell the setting?\n",
        *_further(further.drop(index=MICROSCOPE), images, measured, chance),
    ]
    return "\n".join(lines)


def _pair(row: pd.Series) -> str:
    return f"{row['psnr']:.2f} / {row['lpips_01']:.3f}"


def _by_effort(table: pd.DataFrame, ways: Sequence[str]) -> str:
    means = {effort: summary(table, effort) for effort in dict.fromkeys(table["effort"])}
    return markdown_table(["choice", *means], [[way, *(_pair(of.loc[way]) for of in means.values())] for way in ways])


def _table(found: pd.DataFrame) -> str:
    header = ["choice", "PSNR / dB", "LPIPS", "rank", "share by PSNR", "share by rank", "gain / dB", "better, worse"]
    rows = [
        [
            str(way),
            f"{row['psnr']:.2f}",
            f"{row['lpips_01']:.3f}",
            f"{row['rank']:.2f}",
            *(_percent(row[name]) for name in ("share_psnr", "share_rank")),
            NONE if way == UNKNOWN else f"{row['gain']:+.2f} ({row['low']:+.2f} to {row['high']:+.2f})",
            NONE if way == UNKNOWN else f"{row['better']:.0f}, {row['worse']:.0f}",
        ]
        for way, row in found.iterrows()
    ]
    return markdown_table(header, rows)


def _half(share: pd.Series) -> str:
    return ", ".join(f"'{way}'" for way in share.index[share >= WANTED_SHARE]) or "none"


def _percent(share: float) -> str:
    return NONE if np.isnan(share) else f"{round(100 * share):d} %"


def _verdict(best: pd.DataFrame) -> Iterator[str]:
    group = best.loc[GROUP]
    compared = "less than" if group["gain"] < WORTH_DB else "at least"
    yield (
        f"Microscope and specimen gain {group['gain']:+.2f} dB over no metadata, {compared} "
        f"{WORTH_DB} dB, at an LPIPS of {group['lpips_01']:.3f} against {best['lpips_01'][UNKNOWN]:.3f}.\n"
    )


def _image_table(table: pd.DataFrame, ways: Sequence[str]) -> str:
    at = table[table["effort"] == BEST].set_index(["image", "choice"])
    rows = [
        [image, *(_pair(at.loc[image, way]) if (image, way) in at.index else NONE for way in ways)]
        for image in dict.fromkeys(table["image"])
    ]
    return markdown_table(["image", *ways], rows)


def _further(
    found: pd.DataFrame, images: pd.DataFrame, measured: pd.DataFrame, chance: Iterable[tuple[int, float]]
) -> Iterator[str]:
    yield (
        "Images of other fields with the same kind of noise decide: those nearest to the image; those on its side of "
        "their median; or all of them with weights, exp(-d²/2) at distance d, or one for every group that they share "
        "with it, divided by the number of images in the group. Distances are in units of the standard deviation over "
        "the other images. Descriptors are those of the pack; quantities:\n"
    )
    yield "".join(f"- {name}: {meaning}.\n" for name, meaning in QUANTITIES.items())
    yield _table(found)
    draws = [f"{mean:.2f} dB from {count}" for count, mean in chance]
    yield f"For comparison, settings of other images drawn at random, mean over all draws: {', '.join(draws)}.\n"
    tried = found.drop(index=[ONE, UNKNOWN, OWN])
    winner = tried["share_rank"].idxmax()
    yield (
        f"The largest share by rank is that of '{winner}', {_percent(tried['share_rank'][winner])}; by PSNR that of "
        f"'{tried['share_psnr'].idxmax()}', {_percent(tried['share_psnr'].max())}. Half of the distance is gained by "
        f"rank by: {_half(tried['share_rank'])}; by PSNR by: {_half(tried['share_psnr'])}. With {len(tried)} ways "
        "compared, the best of them looks better than it is.\n"
    )
    if len(measured):
        shown = measured.join(images["noise"].rename("kind"))
        rows = [
            [str(image), row["kind"], *(f"{row[name]:.3f}" for name in QUANTITIES)] for image, row in shown.iterrows()
        ]
        yield markdown_table(["image", "kind of noise", *QUANTITIES], rows, left=2)
