"""The tables in the README of the vocabulary, generated from its words so that they cannot go stale."""

from __future__ import annotations

from autodip_ij.groups.infer import OUTRIGHT
from autodip_ij.groups.model import MODALITIES
from autodip_ij.groups.vocabulary import Vocabulary


def evidence_tables(vocabulary: Vocabulary) -> str:
    """Return Markdown: kinds of metadata with their factors, rules with their weights, modalities."""
    return "\n\n".join([_kinds(vocabulary), _rules(vocabulary), _modes(vocabulary), _treatments()])


def _kinds(vocabulary: Vocabulary) -> str:
    rows = [f"| {factor.what} | {factor.channel:g} | {factor.image:g} |" for factor in vocabulary.kinds.values()]
    return "\n".join(
        ["| kind of metadata | of one channel | of the whole image or instrument |", "| --- | --- | --- |", *rows]
    )


def _rules(vocabulary: Vocabulary) -> str:
    rows = [f"| {rule.what} | {_phrase(rule.speaks_for)} | {rule.weight:g} |" for rule in vocabulary.rules.values()]
    return "\n".join(["| rule | speaks for | weight |", "| --- | --- | --- |", *rows])


def _modes(vocabulary: Vocabulary) -> str:
    """Return a row for each mode that counts as another one or is not a statement; all others speak for themselves."""
    rows = []
    for table, entry in vocabulary.entries():
        spoken, weight = getattr(entry, "speaks_for", ""), getattr(entry, "weight", 0.0)
        if table == "mode" and (entry.note or weight < OUTRIGHT):
            note = f" ({entry.note})" if entry.note else ""
            rows.append(f"| {entry.name}{note} | {_phrase(spoken)} | {weight:g} |")
    head = f"| mode that counts as another one, or less than {OUTRIGHT} | speaks for | weight in its own field |"
    return "\n".join([head, "| --- | --- | --- |", *rows])


def _treatments() -> str:
    rows: dict[str, list[str]] = {}
    for modality in MODALITIES.values():
        if not modality.own_group:
            treatment = "left alone"
            if modality.fluorescence:
                nearest = MODALITIES[modality.counts_as].phrase if modality.counts_as else ""
                treatment = f"nearest: {nearest}, at most 0.4" if nearest else "microscope unknown"
            rows.setdefault(treatment, []).append(modality.phrase)
    lines = [f"| {treatment} | {', '.join(phrases)} |" for treatment, phrases in rows.items()]
    return "\n".join(["| treatment | techniques outside the groups |", "| --- | --- |", *lines])


def _phrase(word: str) -> str:
    return MODALITIES[word].phrase if word in MODALITIES else word
