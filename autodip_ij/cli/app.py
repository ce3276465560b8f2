"""The command ``autodip``: its commands, and the conversion of errors to one line and an exit code.

Exit codes: 0 done; 1 some of the work failed; 2 bad input or usage; 3 the environment lacks something; 130 cancelled.
"""

from __future__ import annotations

import io
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, NoReturn

EXIT_CODES = {
    "done": 0,
    "some of the work failed": 1,
    "bad input or usage": 2,
    "environment": 3,
    "cancelled": 130,
}

COMMANDS = {
    "denoise": ("denoise:denoise", "Denoise a microscope file."),
    "inspect": ("inspect:inspect", "Show the metadata of a file and how it would be denoised."),
    "batch": ("batch:batch", "Denoise a folder of files; resumes after an interruption."),
    "report": ("report:report", "Write a page that shows a result beside its input, with its checks and parameters."),
    "demo": ("demo:demo", "Create a synthetic sample, denoise it, and show the scores."),
    "doctor": ("doctor:doctor", "Check this installation: packages, readers, devices."),
    "calibration": ("calibration:app", "List calibrations and show their parameters."),
    "calibrate": ("calibrate:calibrate", "Find the best parameters for your own images by grid search."),
    "transfer": ("transfer:transfer", "Show which calibration images a file resembles."),
    "evaluate": ("evaluate:evaluate", "Measure image quality; reproduce the paper's tables."),
    "published": ("evaluate:published", "Rebuild the paper's calibration and validation images from an FMD folder."),
    "superres": ("denoise:superres", "Enlarge an image two- or fourfold with a deep image prior."),
    "fiji": ("fiji:app", "Install into Fiji; check the installation."),
}
"""For each command: its function, relative to `autodip_ij.cli`, and its line in the help."""

IDLE: dict[str, tuple[str, ...]] = {
    "denoise": (),
    "batch": (),
    "inspect": ("seed", "strength", "dtype", "artefacts", "guard", "uncertainty"),
    "superres": ("series", "artefacts", "loss", "guard", "neighbours", "reach"),
}
"""Commands that take the settings of a run, with those that they do not honour and therefore do not list."""


def build_app() -> Any:
    """Return the cyclopts application; each command's module is imported when it is called."""
    from cyclopts import App

    from autodip_ij._version import __version__

    app = App(
        name="autodip",
        version=__version__,
        help="Denoise fluorescence microscopy images with a deep image prior, with parameters chosen by metadata.",
        suppress_keyboard_interrupt=False,
        help_epilogue="Exit codes: " + "; ".join(f"{code} {meaning}" for meaning, code in EXIT_CODES.items()) + ".",
    )
    for name, (home, line) in COMMANDS.items():
        own = {"help_formatter": _sections(IDLE[name])} if name in IDLE else {}
        app.command(f"autodip_ij.cli.{home}", name=name, help=line, **own)
    return app


def _sections(idle: Sequence[str]) -> Any:
    """Return the formatter of a command's help, which loads the settings only when help is asked for."""

    def show(console: Any, options: Any, panel: Any) -> None:
        from autodip_ij.cli.sections import Sections

        Sections(idle)(console, options, panel)

    return show


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run ``autodip`` with `arguments` (default: those of the process) and exit with its code."""
    _end_tidily()
    _print_anything()
    _warn_in_lines()
    sys.exit(run(list(sys.argv[1:] if arguments is None else arguments)))


def _end_tidily() -> None:
    """Exit cleanly on a termination signal or a closed terminal, as on a second Ctrl-C."""
    from autodip_ij.errors import interrupt

    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        # A parent such as nohup may have set it to be ignored.
        if number is not None and signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler):
            signal.signal(number, interrupt)


def _print_anything() -> None:
    """Show characters that the encoding of the terminal lacks as escape codes, instead of ending with an error."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            with suppress(OSError):  # what is behind the stream was exchanged since it was opened
                stream.reconfigure(errors="backslashreplace")


def _warn_in_lines() -> None:
    """Show warnings of the library and of readers, which may quote file contents, as one line of plain text each."""
    import logging

    from autodip_ij._support.text import plain

    class Line(logging.Formatter):
        def format(self, record: logging.LogRecord) -> str:
            return plain(super().format(record))

    handler = logging.StreamHandler()
    handler.setFormatter(Line("%(message)s"))
    handler.setLevel(logging.WARNING)
    logging.getLogger().addHandler(handler)


def run(arguments: list[str]) -> int:
    """Run ``autodip`` and return its exit code.

    An error is written to standard error as one line. With ``--json`` it is also written to standard output as an
    object with ``error`` and ``exit_code``, because some callers, such as ImageJ macros, see nothing else.
    """
    debug, as_json = "--debug" in arguments, "--json" in arguments
    arguments = [argument for argument in arguments if argument != "--debug"]
    try:
        code = build_app()(
            _by_current_options(arguments), exit_on_error=False, print_error=False, result_action="return_value"
        )
        sys.stdout.flush()
        return code if isinstance(code, int) else 0
    except KeyboardInterrupt:
        return _failed("cancelled", EXIT_CODES["cancelled"], debug, as_json)
    except BrokenPipeError:
        # A reader such as `head` closed the pipe; Python would complain again when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        return _failed(*explained(error), debug, as_json)


def _by_current_options(arguments: list[str]) -> list[str]:
    """Return a command line with present names and values of settings; without any option, settings are not loaded."""
    if not any(word.startswith("--") and word not in ("--help", "--version") for word in arguments):
        return arguments
    from autodip_ij.settings import current_options

    return current_options(arguments)


def explained(error: Exception) -> tuple[str, int]:
    """Return the message for an error in one line, and the exit code."""
    from cyclopts import CycloptsError, UnknownCommandError
    from pydantic import ValidationError

    from autodip_ij.errors import AutodipError, failed_import, nearest

    cause = error.__cause__
    if isinstance(error, AutodipError):
        return str(error), error.exit_code
    if isinstance(error, ValidationError) or isinstance(cause, ValidationError):
        from autodip_ij._support.fields import explain
        from autodip_ij.settings import DenoiseSettings

        invalid = error if isinstance(error, ValidationError) else cause
        assert isinstance(invalid, ValidationError)
        # Of the model, pydantic stores only the name.
        model: type[DenoiseSettings] = DenoiseSettings
        if invalid.title != model.__name__:
            from autodip_ij.denoising.superresolution import SuperresSettings as model
        return explain(model, invalid), EXIT_CODES["bad input or usage"]
    if isinstance(error, UnknownCommandError) and error.unused_tokens:
        known = [name for name in (error.app or COMMANDS) if not name.startswith("-")]
        return f"unknown command '{error.unused_tokens[0]}'{nearest(error.unused_tokens[0], known)}", 2
    if isinstance(error, CycloptsError):
        return " ".join(str(error).split()), EXIT_CODES["bad input or usage"]
    if isinstance(error, MemoryError):
        return "not enough memory; select fewer planes or use a smaller --tile", EXIT_CODES["environment"]
    if problem := failed_import(error):
        return str(problem), problem.exit_code
    return f"{type(error).__name__}: {error} (a defect of autodip; run again with --debug and report it)", 1


def _failed(message: str, code: int, debug: bool, as_json: bool) -> int:
    if debug:
        import traceback

        traceback.print_exc()
    from autodip_ij._support.text import plain

    line = plain(" ".join(message.split()))
    if as_json:
        from json import dumps

        print(dumps({"error": line, "exit_code": code}))
    print(f"autodip: {line}", file=sys.stderr)
    return code
