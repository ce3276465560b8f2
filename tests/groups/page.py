"""The tables of ``docs/groups.md``, made from the vocabulary so that they cannot go stale."""

from __future__ import annotations

from autodip_ij.groups.model import MODALITIES, SPECIMENS
from autodip_ij.groups.vocabulary import Label, Vocabulary


def evidence_tables(vocabulary: Vocabulary) -> str:
    """Return Markdown: kinds of metadata with their factors, rules with their weights, modalities, counts of words."""
    return "\n\n".join([_kinds(vocabulary), _rules(vocabulary), _modes(vocabulary), _treatments(), _counts(vocabulary)])


def _kinds(vocabulary: Vocabulary) -> str:
    rows = [f"| {factor.what} | {factor.channel:g} | {factor.image:g} |" for factor in vocabulary.kinds.values()]
    return "\n".join(
        ["| kind of metadata | of one channel | of the whole image or instrument |", "| --- | --- | --- |", *rows]
    )


def _rules(vocabulary: Vocabulary) -> str:
    rows = [f"| {rule.what} | {_phrase(rule.speaks_for)} | {rule.weight:g} |" for rule in vocabulary.rules.values()]
    return "\n".join(["| rule | speaks for | weight |", "| --- | --- | --- |", *rows])


def _modes(vocabulary: Vocabulary) -> str:
    rows = []
    for table, entry in vocabulary.entries():
        if table == "mode":
            note = f" ({entry.note})" if entry.note else ""
            spoken, weight = getattr(entry, "speaks_for", ""), getattr(entry, "weight", 0.0)
            rows.append(f"| {entry.name}{note} | {_phrase(spoken)} | {weight:g} |")
    return "\n".join(["| mode | speaks for | weight in its own field |", "| --- | --- | --- |", *rows])


def _treatments() -> str:
    rows = []
    for modality in MODALITIES.values():
        if not modality.own_group:
            treatment = "left alone"
            if modality.fluorescence:
                nearest = MODALITIES[modality.counts_as].phrase if modality.counts_as else ""
                treatment = f"nearest: {nearest}, at most 0.4" if nearest else "microscope unknown"
            rows.append(f"| {modality.phrase} | {treatment} |")
    return "\n".join(["| technique outside the groups | treatment |", "| --- | --- |", *rows])


def _counts(vocabulary: Vocabulary) -> str:
    counts: dict[str, tuple[int, int]] = {}
    for table, entry in vocabulary.entries():
        name = table
        if isinstance(entry, Label):
            name = f"label: {entry.marks}" if entry.marks in SPECIMENS else "label: other structures"
        entries, spellings = counts.get(name, (0, 0))
        counts[name] = (entries + 1, spellings + 1 + len(entry.aliases) + len(entry.exact))
    rows = [f"| {name} | {entries} | {spellings} |" for name, (entries, spellings) in sorted(counts.items())]
    return "\n".join(["| table | entries | spellings |", "| --- | --- | --- |", *rows])


def _phrase(word: str) -> str:
    return MODALITIES[word].phrase if word in MODALITIES else word
