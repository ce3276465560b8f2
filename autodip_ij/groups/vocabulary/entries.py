"""Entries of a vocabulary, and how they are found in text as people and programs write it.

Matching respects word boundaries: capitals and digits inside a word count as joints (``mCherryEB3``, ``20xDiO``),
separators do not matter at a joint (``Mito-Tracker``, ``TO PRO 3``), and a word is never found inside a longer one
(``actin`` is not in ``interaction``, ``mito`` not in ``mitosis``).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, field_validator

from autodip_ij.errors import BadInput, nearest
from autodip_ij.groups.model import MODALITIES, SPECIMENS

Nanometre = Annotated[float, Field(ge=200, le=2000)]
_SPECIMEN_LIKE = {
    "nuclei": "nucleus",
    "nuclear": "nucleus",
    "nuc": "nucleus",
    "dna": "nucleus",
    "f-actin": "actin",
    "mitochondria": "mito",
    "mitochondrion": "mito",
    "mitochondrial": "mito",
}


class Entry(BaseModel):
    """A word and its other spellings."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, Field(min_length=2)]
    aliases: tuple[str, ...] = ()
    exact: tuple[str, ...] = ()
    note: str = ""


class Label(Entry):
    """A dye, antibody or fusion protein that marks a structure."""

    marks: Annotated[str, Field(min_length=2)]
    weight: Annotated[float, Field(ge=0, le=1)] = 1.0
    emission: Nanometre | None = None
    excitation: Nanometre | None = None

    @field_validator("marks")
    @classmethod
    def _specimen_words_exactly(cls, value: str) -> str:
        # "nuclei" would silently become an unknown structure
        meant = _SPECIMEN_LIKE.get(value.lower()) or (value.lower() if value.lower() in SPECIMENS else None)
        if meant and meant != value:
            raise BadInput(f"marks '{value}' is not possible; did you mean '{meant}'?")
        return value


class Carrier(Entry):
    """A fluorophore that marks nothing by itself."""

    emission: Nanometre | None = None
    excitation: Nanometre | None = None


class Device(Entry):
    """A microscope, detector or light source, or a word for an acquisition mode."""

    speaks_for: str
    weight: Annotated[float, Field(ge=0, le=1)] = 0.5
    scanner_default: bool = False

    @field_validator("speaks_for")
    @classmethod
    def _known_modality(cls, value: str) -> str:
        if value not in MODALITIES:
            raise BadInput(f"speaks_for '{value}' is not possible{nearest(value, MODALITIES)}")
        return value


class VocabularyFile(BaseModel):
    """The tables a vocabulary file may hold."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    label: tuple[Label, ...] = ()
    carrier: tuple[Carrier, ...] = ()
    mode: tuple[Device, ...] = ()
    microscope: tuple[Device, ...] = ()
    detector: tuple[Device, ...] = ()
    light: tuple[Device, ...] = ()


def entry_name(data: dict[str, Any], location: tuple[int | str, ...]) -> str:
    """Return the name of the entry at a pydantic error location, e.g. ``label 'DAPI'`` or ``label 3``."""
    table, *rest = location or ("file",)
    if not rest or not isinstance(rest[0], int):
        return f"table '{table}'"
    entry = data[str(table)][rest[0]]
    name = entry.get("name") if isinstance(entry, dict) else None
    return f"{table} '{name}'" if name else f"{table} {rest[0] + 1}"


_GREEK = {
    "α": "alpha", "β": "beta", "γ": "gamma", "δ": "delta", "ε": "epsilon", "κ": "kappa", "λ": "lambda", "σ": "sigma",
}  # fmt: skip
_TOKEN = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_LONGEST = 8  # tokens of the longest spelling looked for
# What may stand beside known words inside one unbroken word, as in "mitotrackerred".
_FILLERS = ("red", "green", "blue", "orange", "yellow", "deepred", "farred")
_MAGNIFICATION = re.compile(r"^\d+x?")
_NUMBERED = re.compile(r"^([a-z]+)\d+x?$")  # a name and a number: "BF 1", "Bright_2"
_LEAST_LETTERS = 3  # of a spelling recognised inside an unbroken word
_LONGEST_WORD = 120  # letters of an unbroken word that is split; a longer one is not a name
_LONGEST_TEXT = 1000  # letters of a text that are looked at; more is a dump


@dataclass(frozen=True)
class Token:
    """A run of letters or digits; `glued` if nothing stands between it and the token before."""

    text: str
    glued: bool


@dataclass(frozen=True)
class Match:
    """An entry found in a text, as the tokens ``first`` to ``last`` (inclusive)."""

    entry: Entry
    text: str
    first: int
    last: int
    whole: bool = False


@lru_cache(maxsize=8192)
def tokenize(text: str) -> tuple[Token, ...]:
    """Split text into tokens at separators, capitals and digits.

    Examples
    --------
    >>> [token.text for token in tokenize("mCherryEB3 β-actin")]
    ['m', 'cherry', 'eb', '3', 'beta', 'actin']
    """
    for letter, name in _GREEK.items():
        text = text.replace(letter, f"{name.capitalize()}'").replace(letter.upper(), f"{name.capitalize()}'")
    text = unicodedata.normalize("NFKD", text)
    text = "".join(character for character in text if not unicodedata.combining(character))
    tokens, end = [], -1
    for match in _TOKEN.finditer(text):
        tokens.append(Token(match.group().lower(), glued=match.start() == end))
        end = match.end()
    return tuple(tokens)


def _joints(tokens: Sequence[Token]) -> frozenset[int]:
    """Return the offsets in the joined text where one token ends and the next begins."""
    offsets, position = [], 0
    for token, _ in pairwise(tokens):
        position += len(token.text)
        offsets.append(position)
    return frozenset(offsets)


@dataclass
class Index:
    """Spellings to entries; of two entries with one spelling, the later added wins."""

    spellings: dict[str, tuple[Entry, frozenset[int]]] = field(default_factory=dict)
    prefixes: dict[str, Entry] = field(default_factory=dict)
    whole: dict[str, Entry] = field(default_factory=dict)

    def add(self, entry: Entry) -> None:
        """Add an entry with all its spellings."""
        for alias in (entry.name, *entry.aliases):
            tokens = tokenize(alias)
            spelling = "".join(token.text for token in tokens)
            if alias.endswith("*"):
                self.prefixes[spelling] = entry
                continue
            _, known = self.spellings.get(spelling, (entry, frozenset[int]()))
            self.spellings[spelling] = (entry, known | _joints(tokens))
        for alias in entry.exact:
            self.whole["".join(token.text for token in tokenize(alias))] = entry

    def find(self, text: str) -> list[Match]:
        """Return the entries named in `text`, from left to right, longest first, without overlaps.

        Only the first 1,000 letters are searched.
        """
        text = text[:_LONGEST_TEXT]
        tokens = tokenize(text)
        joined = "".join(token.text for token in tokens)
        numbered = _NUMBERED.match(joined)
        if entry := self.whole.get(joined) or (self.whole.get(numbered[1]) if numbered else None):
            return [Match(entry, text, 0, len(tokens) - 1, whole=True)]
        matches, start = [], 0
        while start < len(tokens):
            found = self._at(tokens, start)
            if found:
                matches.append(found)
                start = found.last + 1
            else:
                start += 1
        return sorted([*matches, *self._inside_unbroken_words(tokens, matches)], key=lambda match: match.first)

    def _at(self, tokens: Sequence[Token], start: int) -> Match | None:
        for stop in range(min(len(tokens), start + _LONGEST), start, -1):
            part = tokens[start:stop]
            spelling = "".join(token.text for token in part)
            entry, joints = self.spellings.get(spelling, (None, frozenset[int]()))
            if entry is None:
                entry = self._by_prefix(part, spelling)
            elif not _gaps(part) <= joints or _runs_on(tokens, stop, spelling):
                entry = None
            if entry:
                return Match(entry, spelling, start, stop - 1, whole=stop - start == len(tokens))
        return None

    def _by_prefix(self, part: Sequence[Token], spelling: str) -> Entry | None:
        if not spelling.startswith(tuple(self.prefixes)) or _gaps(part) - _joints(part[:1]):
            return None
        return next((entry for prefix, entry in self.prefixes.items() if spelling.startswith(prefix)), None)

    def _inside_unbroken_words(self, tokens: Sequence[Token], matches: Iterable[Match]) -> list[Match]:
        """Return entries that, with others and colours, make up a whole word written without joints (``h2bgfp``)."""
        taken = {index for match in matches for index in range(match.first, match.last + 1)}
        found, start = [], 0
        while start < len(tokens):
            stop = start + 1
            while stop < len(tokens) and tokens[stop].glued:
                stop += 1
            if not taken & set(range(start, stop)):
                word = "".join(token.text for token in tokens[start:stop])
                found += [Match(entry, word, start, stop - 1) for entry in self._segments(word)]
            start = stop
        return found

    def _segments(self, word: str) -> list[Entry]:
        """Return the entries of the shortest way to write `word` as known spellings and colours."""
        word = _MAGNIFICATION.sub("", word)
        if len(word) > _LONGEST_WORD:
            return []
        best: list[list[Entry] | None] = [[]] + [None] * len(word)
        cost = [0] + [10**6] * len(word)
        for end in range(1, len(word) + 1):
            for begin in range(end):
                before, piece = best[begin], word[begin:end]
                if before is None or cost[begin] + 1 >= cost[end]:
                    continue
                entry = self.spellings[piece][0] if len(piece) >= _LEAST_LETTERS and piece in self.spellings else None
                if entry or piece in _FILLERS:
                    best[end], cost[end] = [*before, entry] if entry else before, cost[begin] + 1
        return best[-1] or []


def _gaps(part: Sequence[Token]) -> frozenset[int]:
    """Return the offsets in the joined text where a separator stands."""
    offsets, position = [], 0
    for token, following in pairwise(part):
        position += len(token.text)
        if not following.glued:
            offsets.append(position)
    return frozenset(offsets)


def _runs_on(tokens: Sequence[Token], stop: int, spelling: str) -> bool:
    """Return whether a digit glued to a short word makes it another word (``dic1``, ``lck2``)."""
    follows = stop < len(tokens) and tokens[stop].glued and tokens[stop].text.isdigit()
    return follows and (len(spelling) <= _LEAST_LETTERS or spelling[-1].isdigit())
