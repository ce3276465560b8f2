"""A Fiji or ImageJ folder on disk: which of the two it is, and where things are in it. No Java is needed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from autodip_ij.errors import BadInput

_PYTHONS = ("bin/python", "python.exe", "Scripts/python.exe")


@dataclass(frozen=True)
class FijiFolder:
    """The folder of an application.

    Attributes
    ----------
    root
        The folder that holds ``plugins``.
    is_fiji
        Whether it is a Fiji (or another ImageJ2), not an ImageJ alone.
    """

    root: Path
    is_fiji: bool

    @classmethod
    def at(cls, path: str | Path) -> FijiFolder:
        """Recognise the folder at `path`; its program, or the folder that holds it, will do.

        Raises
        ------
        autodip_ij.errors.BadInput
            If it is neither Fiji nor ImageJ.
        """
        given = Path(path).expanduser()
        start = given.parent if given.is_file() else given
        if not start.is_dir():
            raise BadInput(f"{given}: no such folder; give the folder in which Fiji is (Fiji.app, or Fiji)")
        for root in (start, *(start / name for name in ("Fiji.app", "Fiji", "ImageJ"))):
            if (root / "plugins").is_dir() and (root / "jars").is_dir():
                return cls(root.resolve(), is_fiji=True)
            if (root / "plugins").is_dir() and (root / "ij.jar").is_file():
                return cls(root.resolve(), is_fiji=False)
        raise BadInput(
            f"{given}: no Fiji and no ImageJ (folders 'plugins' and 'jars', or 'plugins' and 'ij.jar'); "
            "give the folder in which Fiji is"
        )

    @property
    def environment_file(self) -> Path:
        """What Fiji builds its Python environment from."""
        return self.root / "config" / "environment.yml"

    def jar_version(self, name: str) -> str | None:
        """Return the version of the jar ``jars/<name>-<version>.jar``; None if there is none."""
        pattern = re.compile(rf"{re.escape(name)}-(\d[\w.+-]*)\.jar")
        found = (pattern.fullmatch(jar.name) for jar in sorted((self.root / "jars").glob("*.jar")))
        return next((match[1] for match in found if match), None)

    def configuration(self) -> dict[str, str]:
        """Return the launcher's ``key = value`` settings; empty as long as Fiji has written none."""
        settings: dict[str, str] = {}
        for name in ("config/jaunch/fiji.cfg", "config/fiji.cfg"):
            try:
                lines = (self.root / name).read_text(encoding="utf-8", errors="replace").splitlines()
            except OSError:
                continue
            for line in lines:
                key, equals, value = line.partition("=")
                if equals and not key.lstrip().startswith("#"):
                    settings[key.strip().removeprefix("cfg.")] = value.strip().strip("'\"")
        return settings

    @property
    def python_mode(self) -> bool:
        """Whether Fiji starts in Python mode."""
        return self.configuration().get("launch-mode", "").upper() == "PYTHON"

    def python(self) -> Path | None:
        """Return the interpreter of Fiji's Python environment; None as long as there is none."""
        return next(
            (place for folder in self._environments() for name in _PYTHONS if (place := folder / name).exists()), None
        )

    def _environments(self) -> Iterator[Path]:
        if chosen := self.configuration().get("python-dir"):
            yield self.root / chosen
        yield from sorted(path for path in self.root.glob("python/*") if path.suffix != ".old")
