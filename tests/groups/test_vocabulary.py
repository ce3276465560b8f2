"""The vocabulary files are sound, words are found as people write them, and users' files are checked."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autodip_ij.errors import BadInput
from autodip_ij.groups import load_vocabulary
from autodip_ij.groups.model import SPECIMENS
from autodip_ij.groups.vocabulary import Label, Vocabulary
from autodip_ij.groups.vocabulary.entries import tokenize


@pytest.fixture
def shipped() -> Vocabulary:
    return load_vocabulary()


def found(vocabulary: Vocabulary, table: str, text: str) -> set[str]:
    if table in ("label", "carrier"):
        return {match.entry.name for match in vocabulary.stains(text)}
    return {entry.name for entry, _ in vocabulary.devices(table, text)}


def test_every_spelling_finds_its_own_entry(shipped: Vocabulary) -> None:
    for table, entry in shipped.entries():
        for spelling in (entry.name, *entry.aliases, *entry.exact):
            assert entry.name in found(shipped, table, spelling.removesuffix("*")), (entry.name, spelling)


def test_no_spelling_stands_for_two_things(shipped: Vocabulary) -> None:
    owners: dict[tuple[str, str], set[str]] = defaultdict(set)
    for table, entry in shipped.entries():
        index = "stain" if table in ("label", "carrier") else table
        for spelling in (entry.name, *entry.aliases):
            if not spelling.endswith("*"):
                owners[index, "".join(token.text for token in tokenize(spelling))].add(entry.name)
    assert {key: names for key, names in owners.items() if len(names) > 1} == {}


def test_the_vocabulary_is_broad(shipped: Vocabulary) -> None:
    labels = [entry for _, entry in shipped.entries() if isinstance(entry, Label)]
    for specimen in SPECIMENS:
        assert sum(len(label.aliases) for label in labels if label.marks == specimen) >= 60
    assert sum(label.marks not in SPECIMENS for label in labels) >= 20
    assert sum(table == "microscope" for table, _ in shipped.entries()) >= 30


def test_shipped_weights_and_words_are_within_bounds(shipped: Vocabulary) -> None:
    assert all(0 <= factor.image <= factor.channel <= 1 for factor in shipped.kinds.values())
    assert all(-1 <= rule.weight <= 1 for rule in shipped.rules.values())


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("Mito-Tracker", ["mito", "tracker"]),
        ("mCherryEB3", ["m", "cherry", "eb", "3"]),
        ("β-actin", ["beta", "actin"]),
        ("Höchst™ 33342", ["hochst", "tm", "33342"]),
        ("", []),
    ],
)
def test_text_is_split_at_separators_capitals_and_digits(text: str, tokens: list[str]) -> None:
    assert [token.text for token in tokenize(text)] == tokens


# Letters that no known word is made of alone, so that what they are added to is another word.
STRANGE = st.text("jkqz", min_size=1)


@settings(deadline=None)  # the machine may be busy
@given(st.sampled_from(["actin", "mito", "dapi", "lamin", "histone"]), STRANGE, STRANGE)
def test_a_label_is_not_found_inside_a_longer_word(label: str, before: str, after: str) -> None:
    vocabulary = load_vocabulary()
    for word in (before + label, label + after, before + label + after):
        assert vocabulary.stains(word) == []
        assert len(vocabulary.stains(f"{word} {label}")) == 1


@settings(deadline=None)  # the machine may be busy
@given(st.text())
def test_any_text_can_be_searched(text: str) -> None:
    vocabulary = load_vocabulary()
    for table in ("mode", "microscope", "detector", "light", "label"):
        assert found(vocabulary, table, text) <= {entry.name for _, entry in vocabulary.entries()}


# --- users' files ----------------------------------------------------------------------------------------------------


def written(folder: Path, text: str) -> Path:
    path = folder / "vocabulary.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_users_own_file_is_read(configuration: Path) -> None:
    written(configuration, '[[label]]\nname = "MyProbe-X"\nmarks = "mito"\naliases = ["MPX"]\n')
    assert found(load_vocabulary(), "label", "MPX") == {"MyProbe-X"}


def test_an_extra_file_comes_after_the_users_own(configuration: Path, tmp_path: Path) -> None:
    written(configuration, 'label = [{ name = "MPX", marks = "mito" }]')
    extra = tmp_path / "extra.toml"
    extra.write_text('label = [{ name = "MPX", marks = "actin" }]', encoding="utf-8")
    ((label, _),) = load_vocabulary(extra).labels("MPX")
    assert label.marks == "actin"
    assert load_vocabulary(str(extra)).sources[-2:] == (str(configuration / "vocabulary.toml"), str(extra))


def test_a_users_entry_replaces_a_shipped_one(configuration: Path) -> None:
    written(configuration, 'label = [{ name = "our GFP line", marks = "nucleus", aliases = ["GFP"] }]')
    ((label, _),) = load_vocabulary().labels("GFP")
    assert label.marks == "nucleus"


def test_an_empty_path_is_no_file(shipped: Vocabulary) -> None:
    assert load_vocabulary("").sources == shipped.sources


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ('label = [{ name = "Foo", marks = "nuclei" }]', ["label 'Foo'", "did you mean 'nucleus'"]),
        ('label = [{ name = "Foo" }]', ["label 'Foo'", "marks"]),
        ('label = [{ marks = "actin" }]', ["label 1", "name"]),
        ('label = [{ name = "Foo", marks = "actin", alias = ["F"] }]', ["label 'Foo'", "'alias'", "'aliases'"]),
        ('label = [{ name = "Foo", marks = "actin", weight = 2 }]', ["label 'Foo'", "weight"]),
        ('label = [{ name = "Foo", marks = "actin", emission = 5 }]', ["label 'Foo'", "emission"]),
        ('mode = [{ name = "Foo", speaks_for = "confocl" }]', ["mode 'Foo'", "did you mean 'confocal'"]),
        ('dyes = [{ name = "Foo" }]', ["unknown table 'dyes'"]),
        ('label = "Foo"', ["table 'label'"]),
        ("label = [", ["not a TOML text file"]),
        ("x = " + "[" * 100_000, ["not a TOML text file"]),
        ("x = " + "{a = " * 5_000, ["not a TOML text file"]),
        ("x = " + "1" * 5_000, ["not a TOML text file"]),
        ("x = 2026-02-31", ["not a TOML text file"]),
        ("label = [[[1]]]", ["label 1"]),
    ],
)
def test_a_malformed_file_is_refused_in_one_line(tmp_path: Path, text: str, parts: list[str]) -> None:
    path = written(tmp_path, text)
    with pytest.raises(BadInput) as error:
        load_vocabulary(path)
    message = str(error.value)
    assert "\n" not in message
    for part in (path.name, *parts):
        assert part in message


def test_a_missing_or_binary_file_is_refused_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"nowhere\.toml: cannot be read"):
        load_vocabulary(tmp_path / "nowhere.toml")
    binary = tmp_path / "binary.toml"
    binary.write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(BadInput, match="not a TOML text file"):
        load_vocabulary(binary)
    with pytest.raises(BadInput, match="is not a file"):
        load_vocabulary(tmp_path)
