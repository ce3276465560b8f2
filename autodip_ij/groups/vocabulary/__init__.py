"""Vocabulary of group inference: dyes, antibodies, fusion proteins, instruments, detectors, light sources, modes.

The words are TOML files beside this module; ``docs/groups.md`` explains how to add words.
"""

from autodip_ij.groups.vocabulary.entries import Carrier, Device, Entry, Label, Match
from autodip_ij.groups.vocabulary.loading import Factor, Rule, Vocabulary, load_vocabulary, user_file

__all__ = [
    "Carrier",
    "Device",
    "Entry",
    "Factor",
    "Label",
    "Match",
    "Rule",
    "Vocabulary",
    "load_vocabulary",
    "user_file",
]
