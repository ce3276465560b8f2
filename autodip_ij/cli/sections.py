"""The help of a command in sections: what is denoised, where, how well, how fast; experts' settings come last."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from cyclopts.help import DefaultFormatter

from autodip_ij.settings import SECTIONS

if TYPE_CHECKING:
    from cyclopts.help import HelpEntry, HelpPanel
    from rich.console import Console, ConsoleOptions


class Sections(DefaultFormatter):
    """Shows the options of a command in the sections of the settings, and those of the command itself last.

    Parameters
    ----------
    idle
        Settings that the command does not honour, which are not listed.
    """

    def __init__(self, idle: Collection[str] = ()) -> None:
        super().__init__()
        self._idle = frozenset(idle)

    def __call__(self, console: Console, options: ConsoleOptions, panel: HelpPanel) -> None:
        """Render one panel of cyclopts as one for each section that has entries."""
        if panel.format != "parameter":
            super().__call__(console, options, panel)
            return
        parts: dict[str, list[HelpEntry]] = {title: [] for title in ("Files", *SECTIONS, "Command")}
        for entry in panel.entries:
            name = entry.names[0].removeprefix("--").replace("-", "_") if entry.names else ""
            if name in self._idle:
                continue
            own = "Files" if entry.positional_label else "Command"
            parts[next((title for title, names in SECTIONS.items() if name in names), own)].append(entry)
        for title, entries in parts.items():
            if entries:
                super().__call__(console, options, panel.copy(title=title, entries=entries))
