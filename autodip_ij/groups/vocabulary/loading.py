"""Load the vocabulary: shipped files, the user's own, and one given for this run."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from autodip_ij._support.fields import explain
from autodip_ij.errors import BadInput
from autodip_ij.groups.vocabulary.entries import Carrier, Device, Entry, Index, Label, Match, VocabularyFile, entry_name

_FOLDER = Path(__file__).parent
_SHIPPED = ("labels", "structures", "carriers", "modes", "microscopes", "detectors", "lights")


@dataclass(frozen=True)
class Factor:
    """Factor of a kind of metadata, in a field of one channel and of the whole image."""

    channel: float
    image: float
    what: str


@dataclass(frozen=True)
class Rule:
    """A rule on numbers or on several facts together."""

    weight: float
    speaks_for: str
    what: str


@dataclass(frozen=True)
class Vocabulary:
    """Words that inference knows, and the weight of each kind of evidence."""

    files: tuple[VocabularyFile, ...]
    kinds: Mapping[str, Factor]
    rules: Mapping[str, Rule]
    sources: tuple[str, ...] = ()

    def _index(self, table: str) -> Index:
        index = Index()
        for file in self.files:
            for entry in getattr(file, table):
                index.add(entry)
        return index

    @cached_property
    def _indices(self) -> dict[str, Index]:
        tables = {table: self._index(table) for table in ("mode", "microscope", "detector", "light")}
        stains = Index()
        for file in self.files:
            for entry in (*file.carrier, *file.label):
                stains.add(entry)
        return {**tables, "stain": stains}

    def devices(self, table: str, text: str) -> list[tuple[Device, Match]]:
        """Return the entries of `table` (``mode``, ``microscope``, ``detector``, ``light``) named in `text`."""
        found = self._indices[table].find(text)
        return [(match.entry, match) for match in found if isinstance(match.entry, Device)]

    def stains(self, text: str) -> list[Match]:
        """Return the labels and carriers named in `text`, in order."""
        return self._indices["stain"].find(text)

    def labels(self, text: str) -> list[tuple[Label, Match]]:
        """Return the labels named in `text`, in order."""
        return [(match.entry, match) for match in self.stains(text) if isinstance(match.entry, Label)]

    def carriers(self, text: str) -> list[tuple[Carrier, Match]]:
        """Return the carriers named in `text`, in order."""
        return [(match.entry, match) for match in self.stains(text) if isinstance(match.entry, Carrier)]

    def entries(self) -> Iterator[tuple[str, Entry]]:
        """Yield every entry with the name of its table."""
        for file in self.files:
            for table in VocabularyFile.model_fields:
                for entry in getattr(file, table):
                    yield table, entry


def load_vocabulary(extra: str | Path | None = None) -> Vocabulary:
    """Return the shipped vocabulary with the user's entries added.

    The user's own file is ``vocabulary.toml`` in the configuration folder of autodip_ij (``~/.config/autodip_ij`` on
    Linux); `extra` comes after it. If several files contain a spelling, the last one applies.

    Parameters
    ----------
    extra
        Path of one more vocabulary file; None or empty for none.

    Raises
    ------
    autodip_ij.errors.BadInput
        If a file is missing, is not TOML, or has an invalid entry; the line names the file and the entry.
    """
    paths = [path for path in (user_file(),) if path.is_file()]
    if extra:
        paths.append(Path(extra).expanduser())
    if not paths:
        return _shipped()
    shipped = _shipped()
    own = tuple(read_vocabulary_file(path) for path in paths)
    sources = (*shipped.sources, *(str(path) for path in paths))
    return Vocabulary((*shipped.files, *own), shipped.kinds, shipped.rules, sources)


def user_file() -> Path:
    """Return the path of the user's own vocabulary."""
    from platformdirs import user_config_path

    return user_config_path("autodip_ij", appauthor=False) / "vocabulary.toml"


def read_vocabulary_file(path: Path) -> VocabularyFile:
    """Read and check one vocabulary file; errors as in `load_vocabulary`."""
    try:
        if path.exists() and not path.is_file():
            raise BadInput(f"vocabulary {path}: is not a file; check the path")
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadInput(f"vocabulary {path}: cannot be read ({error.strerror}); check the path") from None
    except BadInput:
        raise
    except (ValueError, RecursionError) as error:
        # An impossible date or number is a bare ValueError.
        raise BadInput(f"vocabulary {path}: not a TOML text file ({' '.join(str(error).split())})") from None
    try:
        return VocabularyFile.model_validate(data)
    except ValidationError as error:
        raise BadInput(f"vocabulary {path}: {_explain(data, error)}") from None
    except RecursionError:
        raise BadInput(f"vocabulary {path}: is nested too deeply for a vocabulary") from None


def _explain(data: dict[str, Any], error: ValidationError) -> str:
    location = error.errors()[0]["loc"]
    if len(location) == 1 and str(location[0]) not in VocabularyFile.model_fields:
        return explain(VocabularyFile, error, "table")
    tables: dict[str, type[Entry]] = {"label": Label, "carrier": Carrier}
    entry = tables.get(str(location[0]), Device)
    return f"{entry_name(data, location)}: {explain(entry, error, 'key', below=2)}"


@lru_cache(maxsize=1)
def _shipped() -> Vocabulary:
    files = tuple(read_vocabulary_file(_FOLDER / f"{name}.toml") for name in _SHIPPED)
    weights = tomllib.loads((_FOLDER / "evidence.toml").read_text(encoding="utf-8"))
    return Vocabulary(
        files,
        kinds={name: Factor(**factor) for name, factor in weights["kind"].items()},
        rules={name: Rule(**rule) for name, rule in weights["rule"].items()},
        sources=tuple(f"{name}.toml" for name in _SHIPPED),
    )
