"""The defaults of *AUTO-DIP Settings...*, kept by SciJava under the keys ``autodip.<name>``."""

from __future__ import annotations

import logging
from dataclasses import dataclass, fields
from typing import Any

from autodip_ij.errors import BadInput
from autodip_ij.fiji.commands.menu import DISCARD
from autodip_ij.settings import DenoiseSettings

_SETTINGS = ("device", "effort", "calibration", "weights")
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Preferences:
    """Defaults of every command; see `autodip_ij.fiji.commands.menu.SETTINGS_FIELDS`."""

    device: str = "auto"
    effort: str = "standard"
    calibration: str = "autodip"
    weights: str = ""
    isolate: bool = True
    preview: bool = True
    stop: str = DISCARD

    def settings(self) -> dict[str, Any]:
        """Return those settings of a denoising run that are not what they would be anyway."""
        plain = Preferences()
        return {name: getattr(self, name) for name in _SETTINGS if getattr(self, name) != getattr(plain, name)}

    def check(self) -> None:
        """Refuse values that no run could use.

        Raises
        ------
        autodip_ij.errors.BadInput
            With the message of the setting.
        """
        from autodip_ij.fiji.commands.values import stop_meaning

        DenoiseSettings.parse(**self.settings())
        stop_meaning(self.stop)


def read_preferences(tasks: Any) -> Preferences:
    """Return the stored defaults; what cannot be used is forgotten, so that it does not spoil every later run.

    Parameters
    ----------
    tasks
        SciJava's TaskService, whose context holds the PrefService; None outside SciJava, for the defaults.
    """
    store = _store(tasks)
    preferences = Preferences()
    if store is None:
        return preferences
    for entry in fields(Preferences):
        text = _get(store, entry.name)
        if text is None:
            continue
        value = text == "true" if entry.type == "bool" else text
        changed = Preferences(**{**preferences.__dict__, entry.name: value})
        try:
            changed.check()
        except BadInput as error:
            _log.warning("the stored setting is forgotten: %s", error)
            forget(tasks, entry.name)
            continue
        preferences = changed
    return preferences


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
