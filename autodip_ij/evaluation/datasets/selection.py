"""Select pairs of a data set: by noise level, group, field of view and split, or a few of each group."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from autodip_ij.errors import BadInput, nearest
from autodip_ij.evaluation.datasets.model import Pair
from autodip_ij.groups.model import split_group


@dataclass(frozen=True)
class Selection:
    """Which images are used; an empty condition admits all.

    Attributes
    ----------
    layout
        Layout of the data folder; auto recognises it.
    levels
        Noise levels, e.g. raw avg2; all by default.
    groups
        Groups, e.g. widefield/actin; all by default.
    fields
        Fields of view; all by default.
    split
        test, train, calibration or validation, where the data set has such a division.
    per_group
        Largest number of images of each microscope, subject and level, spread evenly over them.
    crop
        Side of the central square that is used, in pixels; whole images if omitted.
    """

    layout: str = "auto"
    levels: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    fields: tuple[str, ...] = ()
    split: str = ""
    per_group: int | None = None
    crop: int | None = None

    def apply(self, pairs: Sequence[Pair]) -> tuple[Pair, ...]:
        """Return the pairs that meet the conditions, in their order.

        Raises
        ------
        autodip_ij.errors.BadInput
            If none does, or a condition names a value that no pair has; the message suggests the nearest.
        """
        _check(self.levels, "level", [pair.level for pair in pairs])
        _check(self.fields, "field", [pair.field for pair in pairs])
        _check([self.split] if self.split else [], "split", [pair.split for pair in pairs])
        wanted = [split_group(group) for group in self.groups]
        chosen = [
            pair
            for pair in pairs
            if (not self.levels or pair.level in self.levels)
            and (not self.fields or pair.field in self.fields)
            and (not self.split or pair.split == self.split)
            and (not wanted or any(_is_in(pair, *group) for group in wanted))
        ]
        if not chosen:
            raise BadInput("no pair of this data set meets all the conditions")
        return tuple(chosen) if self.per_group is None else _spread(chosen, self.per_group)


def _is_in(pair: Pair, microscope: str | None, specimen: str | None) -> bool:
    return microscope in (None, pair.microscope) and specimen in (None, pair.specimen)


def _check(wanted: Sequence[str], what: str, known: Sequence[str]) -> None:
    there = list(dict.fromkeys(known))
    for value in wanted:
        if value not in there:
            raise BadInput(f"no {what} '{value}' in this data set{nearest(value, there)}")


def _spread(pairs: Sequence[Pair], count: int) -> tuple[Pair, ...]:
    if count < 1:
        raise BadInput(f"pairs per group is {count}; expected at least 1")
    members: defaultdict[tuple[str, ...], list[Pair]] = defaultdict(list)
    for pair in pairs:
        members[pair.dataset, pair.microscope or "", pair.subject, pair.level].append(pair)
    chosen: set[str] = set()
    for group in members.values():
        step = max(len(group) / count, 1.0)
        chosen.update(group[int((index + 0.5) * step)].name for index in range(min(count, len(group))))
    return tuple(pair for pair in pairs if pair.name in chosen)
