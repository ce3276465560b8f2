"""Errors for users: one base class, each also a built-in exception, each with its exit code of the command line."""

from __future__ import annotations

from collections.abc import Iterable


class AutodipError(Exception):
    """Base class of all deliberate errors; the message is one line with cause and remedy."""

    exit_code = 1


class BadInput(AutodipError, ValueError):
    """An invalid input, option or value (exit code 2)."""

    exit_code = 2


class UnreadableFile(BadInput, OSError):
    """A file is missing, damaged, empty, or not of the format its name implies (exit code 2)."""


class MissingFile(UnreadableFile, FileNotFoundError):
    """A file or its folder does not exist (exit code 2)."""


class UnwritableOutput(BadInput, OSError):
    """An output cannot be written: permissions, disk space, or it already exists (exit code 2)."""


class EnvironmentProblem(AutodipError, RuntimeError):
    """This installation or machine lacks something: a reader package, a device, memory (exit code 3)."""

    exit_code = 3


class OutOfMemory(EnvironmentProblem, MemoryError):
    """Not enough host or device memory, even after the documented fallbacks (exit code 3)."""


class Cancelled(AutodipError):
    """The user cancelled the run and discarded its result (exit code 130)."""

    exit_code = 130


class Interrupted(KeyboardInterrupt):
    """Ctrl-C or a request to terminate the process, raised in the main thread.

    `KeyboardInterrupt` itself would not do: if one passes through ``exec`` of a string, which every dataclass runs
    while a module is imported, Python ends ``python -m`` by the signal instead of the exit code, caught or not.
    """


def interrupt(signum: int, frame: object) -> None:
    """Handle a signal by raising `Interrupted`."""
    raise Interrupted


EXTRAS = {
    "evaluation": ("imageio", "matplotlib", "pandas", "pyarrow", "tomli_w", "umap"),
    "batch": ("distributed",),
    "fiji": ("appose", "imagej", "jpype", "ruamel", "scyjava"),
    "readers": ("bioio_czi", "liffile", "mrc", "mrcfile", "nd2", "oiffile", "pylibCZIrw"),
    "bm3d": ("bm3d",),
}
"""The packages, by the names they are imported by, that each extra of this package installs."""


def missing_extra(package: str) -> EnvironmentProblem | None:
    """Return what to say where a package of an extra is not installed; None for any other package.

    Examples
    --------
    >>> print(missing_extra("umap"))
    needs the package umap: pip install 'autodip_ij[evaluation]'
    """
    extra = next((name for name, packages in EXTRAS.items() if package in packages), None)
    if extra is None:
        return None
    return EnvironmentProblem(f"needs the package {package}: pip install 'autodip_ij[{extra}]'")


def require(extra: str) -> None:
    """Refuse to begin something long without the packages that its end needs.

    Raises
    ------
    EnvironmentProblem
        If a package of `extra` is not installed.
    """
    from importlib.util import find_spec

    for package in EXTRAS[extra]:
        if find_spec(package) is None and (problem := missing_extra(package)):
            raise problem


def failed_import(error: BaseException) -> EnvironmentProblem | None:
    """Return the installation problem behind `error` if it was raised while importing a package, else None."""
    package = _root(error.name) if isinstance(error, ImportError) else ""
    if isinstance(error, ModuleNotFoundError) and (problem := missing_extra(package)):
        return problem
    place = error.__traceback__
    while place is not None:
        # Python omits its import machinery from the traceback, but not the top-level code of the module.
        if place.tb_frame.f_code.co_name == "<module>" and (loaded := _root(place.tb_frame.f_globals.get("__name__"))):
            package = loaded
            break
        place = place.tb_next
    if not package:
        return None
    short = " ".join(str(error).split()) or type(error).__name__
    return EnvironmentProblem(
        f"the package {package} cannot be loaded ({short}); install it again: "
        f"pip install --force-reinstall {package}, and see autodip doctor"
    )


def _root(module: str | None) -> str:
    """Return the top-level package of a module; empty for this project and for programs."""
    root = str(module or "").split(".")[0]
    return "" if root in (__package__, "__main__") else root


def nearest(value: str, choices: Iterable[str]) -> str:
    """Return ``"; did you mean 'x'?"``, or the list of choices where none is similar.

    Examples
    --------
    >>> nearest("confocl", ["confocal", "widefield"])
    "; did you mean 'confocal'?"
    """
    from difflib import get_close_matches

    known = [str(choice) for choice in choices]
    by_lower_case = {choice.lower(): choice for choice in known}
    text = str(value).strip().lower()
    begun = [choice for choice in by_lower_case if len(text) > 1 and choice.startswith(text)]
    match = begun or get_close_matches(text, by_lower_case, n=1, cutoff=0.6)
    if match:
        return f"; did you mean '{by_lower_case[match[0]]}'?"
    return f"; choose one of: {', '.join(known)}" if known else ""
