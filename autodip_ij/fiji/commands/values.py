"""The values of a command: the stored defaults of *AUTO-DIP Settings...*, and the settings and options of a run."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from autodip_ij.errors import BadInput
from autodip_ij.fiji.commands.menu import DISCARD, RESULT_TYPES, Input, MenuCommand
from autodip_ij.fiji.commands.parsing import from_zero, parse_options, stop_meaning, truth
from autodip_ij.progress import Stop
from autodip_ij.settings import AUTO, RENAMED, REPLACED, DenoiseSettings, current_names, current_value

_SETTINGS = ("device", "effort", "calibration", "weights")
"""Preferences that are settings; the last keeps its former name, by which Fiji stored it and macros give it."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Preferences:
    """Defaults of all commands, stored by SciJava as ``autodip.<name>``; see `menu.SETTINGS_FIELDS` for the fields."""

    device: str = "auto"
    effort: str = "standard"
    calibration: str = "autodip"
    weights: str = ""
    isolate: bool = True
    preview: bool = True
    stop: str = DISCARD

    def settings(self) -> dict[str, Any]:
        """Return the denoising settings that differ from the built-in defaults."""
        plain = Preferences()
        given = {name: getattr(self, name) for name in _SETTINGS if getattr(self, name) != getattr(plain, name)}
        return current_names(given, warn=False)

    def check(self) -> None:
        """Raise an error for values that no run can use.

        Raises
        ------
        autodip_ij.errors.BadInput
            With the message of the setting.
        """
        DenoiseSettings.parse(**self.settings())
        stop_meaning(self.stop)


def read_preferences(tasks: Any) -> Preferences:
    """Return the stored defaults; remove invalid ones, so that they do not make every later run fail.

    Parameters
    ----------
    tasks
        SciJava's TaskService, whose context holds the PrefService; None outside SciJava, for the defaults.
    """
    store = _store(tasks)
    if store is None:
        return Preferences()
    preferences, unfit = preferences_of({entry.name: _get(store, entry.name) for entry in fields(Preferences)})
    for name in unfit:
        forget(tasks, name)
    return preferences


def preferences_of(stored: Mapping[str, str | None]) -> tuple[Preferences, list[str]]:
    """Return the defaults from stored texts, and the names of those that should be forgotten.

    Examples
    --------
    >>> preferences_of({"effort": "fast", "device": "toaster", "preview": "false"})
    (Preferences(device='auto', effort='fast', ..., preview=False, stop='Discard'), ['device'])
    """
    preferences, unfit = Preferences(), []
    for entry in fields(Preferences):
        text = stored.get(entry.name)
        if text is None:
            continue
        value = text == "true" if entry.type == "bool" else current_value(entry.name, text)
        if entry.name in REPLACED and value != text:
            unfit.append(entry.name)  # the dialog could not show it
        changed = Preferences(**{**preferences.__dict__, entry.name: value})
        try:
            changed.check()
        except BadInput as error:
            _log.warning("a stored setting was invalid and has been reset: %s", error)
            unfit.append(entry.name)
            continue
        preferences = changed
    return preferences, unfit


def forget(tasks: Any, name: str) -> None:
    """Remove the stored value of one setting."""
    store = _store(tasks)
    if store is not None:
        store.remove(*_key(name))


def _store(tasks: Any) -> Any:
    if tasks is None:
        return None
    from scyjava import jimport

    return tasks.context().getService(jimport("org.scijava.prefs.PrefService"))


def _get(store: Any, name: str) -> str | None:
    found = store.get(*_key(name))
    return None if found is None else str(found)


def _key(name: str) -> tuple[Any, str]:
    """Return class and key as SciJava uses them for a parameter with a persistKey: no class."""
    import jpype

    return jpype.JObject(None, jpype.JClass("java.lang.Class")), f"autodip.{name}"


@dataclass(frozen=True)
class RunOptions:
    """Options of a command that do not change the result.

    Attributes
    ----------
    isolate
        Compute in the worker process rather than in Fiji's.
    preview
        Show a live preview where there is a display.
    stop
        Effect of Esc and the cancel button.
    """

    isolate: bool = True
    preview: bool = True
    stop: Stop = Stop.DISCARD


def collect(command: MenuCommand, variables: Mapping[str, Any]) -> dict[str, Any]:
    """Convert the inputs of a command to Python values: text, numbers, booleans, paths as text, images.

    Parameters
    ----------
    command
        Command that declares the inputs.
    variables
        The globals of its script. A missing or null variable takes the default of the input.
    """
    convert = {"Integer": int, "Boolean": bool, "String": str, "File": str}
    values = {}
    for entry in command.inputs:
        given = variables.get(entry.name)
        values[entry.name] = entry.value if given is None else convert.get(entry.kind, lambda value: value)(given)
    return values


def split_values(
    command: MenuCommand, values: Mapping[str, Any], preferences: Preferences
) -> tuple[DenoiseSettings, RunOptions, dict[str, str]]:
    """Return the denoising settings, the run options, and the other keys given under *More settings*.

    Only settings that the user chose count as set (`pydantic.BaseModel.model_fields_set`): a dialog passes a value for
    each of its fields, even for those left unchanged. Keys under *More settings* override the stored defaults; the
    fields of the dialog cannot be given there.

    Raises
    ------
    autodip_ij.errors.BadInput
        With the message of the setting that cannot be used.
    """
    fields = [entry.name for entry in command.inputs if entry.name in DenoiseSettings.model_fields]
    free = [name for name in DenoiseSettings.model_fields if name not in fields]
    former = [name for name, now in RENAMED.items() if now in free]
    extra = current_names(parse_options(str(values.get("options") or ""), [*free, *former, *command.options]))
    chosen: dict[str, Any] = preferences.settings()
    for name in fields:
        declared = next(entry for entry in command.inputs if entry.name == name)
        if values[name] != declared.value and not _is_automatic(values[name], declared):
            chosen[name] = values[name]
    if values.get("channels", "").strip():
        if "channel" in chosen:
            raise BadInput(
                "channel (counted from 0) and channels (counted from 1) exclude each other; specify one of them"
            )
        chosen["channel"] = from_zero(values["channels"])
    if "dtype" in chosen:
        word = str(chosen["dtype"]).strip().lower()
        chosen["dtype"] = RESULT_TYPES.get(word, chosen["dtype"])
    chosen |= {key: text for key, text in extra.items() if key in DenoiseSettings.model_fields}
    options = RunOptions(
        isolate=truth(extra.get("isolate", preferences.isolate), "isolate"),
        preview=truth(extra.get("preview", preferences.preview), "preview"),
        stop=stop_meaning(extra.get("stop", preferences.stop)),
    )
    own = ("isolate", "preview", "stop")
    rest = {key: text for key, text in extra.items() if key not in DenoiseSettings.model_fields and key not in own}
    return DenoiseSettings.parse(**chosen), options, rest


def _is_automatic(value: Any, declared: Input) -> bool:
    """Whether a value leaves the choice to the program: ``Auto (...)``, in any spelling."""
    word = str(declared.value).split(maxsplit=1)[0].lower() if declared.value else ""
    return word == AUTO and str(value).strip().lower().startswith(AUTO)
