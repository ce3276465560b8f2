"""Declarations of the seven menu commands with their fields and outputs.

Script headers, the conversion of values and the tests all use these declarations. Settings of a denoising run come from
`autodip_ij.settings` with their names, bounds, choices and help.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from autodip_ij._support.fields import bounds_of, choices_of
from autodip_ij.groups.model import group_names
from autodip_ij.settings import DenoiseSettings, shown

AUTO_GROUP = "Auto (from metadata)"
AUTO_SETTING = "Auto (from Settings)"
AUTO_SCALE = "Auto (span of the reference)"
WHOLE_IMAGE, CURRENT_CHANNEL, CURRENT_SLICE = "Whole image", "Current channel", "Current slice"
NEW_IMAGE, REPLACE_IMAGE = "New image", "Replace the image"
RESULT_32_BIT, RESULT_AS_SOURCE = "32-bit", "as the source"
RESULT_TYPES = {RESULT_32_BIT: "float32", RESULT_AS_SOURCE: "same"}
"""Names of the values of the setting ``dtype`` in the dialog; macros may use either."""
DISCARD, KEEP = "Discard", "Keep the result so far"

MenuValue = str | int | bool | None


@dataclass(frozen=True)
class Input:
    """One ``#@`` input of a script.

    Attributes
    ----------
    name
        Key in macros: lower case, and never the end of another key after ``_`` or a digit, which ImageJ would confuse.
    kind
        SciJava type, boxed: ``Integer``, ``Boolean``, ``String``, ``File``, ``ImagePlus``, or ``TaskService``.
    label, help
        Text before the field, and its tooltip.
    value
        Default; None for none.
    choices
        Entries of a drop-down list. SciJava does not enforce them for macros.
    low, high
        Bounds of a number. SciJava does not enforce them for macros.
    style
        SciJava's widget style.
    initializer
        Method of the script's module that SciJava calls before the dialog opens.
    visibility
        ``INVISIBLE`` for a macro key without a field in the dialog; ``MESSAGE`` for a text in the dialog without a key.
    persist
        Whether SciJava remembers the value, under ``autodip.<name>``.
    required
        Whether SciJava silently cancels a run without this input; never set for the commands of this package.
    """

    name: str
    kind: str = "String"
    label: str = ""
    help: str = ""
    value: MenuValue = None
    choices: tuple[str, ...] = ()
    low: int | None = None
    high: int | None = None
    style: str = ""
    initializer: str = ""
    visibility: str = ""
    persist: bool = False
    required: bool = False

    @property
    def is_field(self) -> bool:
        """Whether the dialog shows this input."""
        return not self.visibility and (self.kind not in ("TaskService", "ImagePlus") or bool(self.label))


@dataclass(frozen=True)
class MenuCommand:
    """One entry of *Plugins > AUTO-DIP*.

    Attributes
    ----------
    leaf
        Name in the menu and in ``run("...")``.
    entry
        Function of `autodip_ij.fiji.commands.bridge`.
    inputs
        Inputs in the order of the dialog.
    output
        SciJava type and name of the value that the script returns.
    options
        Keys that the field *More settings* accepts besides the settings without a field.
    """

    leaf: str
    entry: str
    inputs: tuple[Input, ...]
    output: tuple[str, str]
    options: tuple[str, ...] = ()

    @property
    def file_name(self) -> str:
        """Name of the script file, from which SciJava derives the leaf."""
        return self.leaf.replace(" ", "_") + ".py"

    @property
    def fields(self) -> tuple[Input, ...]:
        """Inputs that the dialog shows."""
        return tuple(entry for entry in self.inputs if entry.is_field)


def setting(name: str, **changes: Any) -> Input:
    """Return the input for a field of `DenoiseSettings`; an optional number is 0 where the group decides."""
    declared = DenoiseSettings.model_fields[name]
    look = shown(DenoiseSettings, name)
    bounds, choices = bounds_of(DenoiseSettings, name), choices_of(DenoiseSettings, name)
    made = Input(
        name=name,
        label=f"{look.label} ({look.unit})" if look.unit and "(" not in look.label else look.label,
        help=declared.description or "",
        value=declared.default,
        choices=tuple(choices),
        persist=look.persist,
    )
    if bounds:
        low = int(bounds["min"]) if declared.default is not None else 0
        made = replace(made, kind="Integer", value=declared.default or 0, low=low, high=int(bounds["max"]))
    return replace(made, **changes)


_GROUP = setting("group", value=AUTO_GROUP, choices=(AUTO_GROUP, *group_names()))
_CHANNELS = Input(
    "channels",
    label="Channels (all if empty; counted from 1, or names)",
    help="Channels to denoise, counted from 1 as ImageJ does: 2, 1-3, DAPI, 1,DAPI (the command line counts from 0)",
    value="",
)
_CHANNEL = setting("channel", visibility="INVISIBLE")
"""The key with the command line's count from 0, still accepted from macros."""
_EFFORT = setting(
    "effort", value=AUTO_SETTING, choices=(AUTO_SETTING, *choices_of(DenoiseSettings, "effort")), persist=False
)
_ITERATIONS = setting("iterations")
_DTYPE = setting(
    "dtype",
    label="Result type: 32-bit, or as the source",
    help="32-bit; or as the source, rounded and clipped, never rescaled",
    value=RESULT_32_BIT,
    choices=(RESULT_32_BIT, RESULT_AS_SOURCE),
)
_OPTIONS = Input(
    "options",
    label="More settings",
    help="Any other setting of the command line, as in: seed=3 device=cpu tile=256",
    value="",
)
_TASKS = Input("tasks", "TaskService", initializer="run")
_RUN_FIELDS = (_GROUP, _CHANNELS, _CHANNEL, _EFFORT, _ITERATIONS, _DTYPE, _OPTIONS)
_RUN_OPTIONS = ("isolate", "preview", "stop")

SETTINGS_FIELDS = (
    setting("device", persist=True),
    setting("effort", persist=True),
    setting("calibration", persist=True),
    replace(setting("lpips_weights", persist=True), name="weights"),
    Input(
        "isolate",
        "Boolean",
        "Run in a worker process",
        "Compute in a separate process, so that a crash does not affect Fiji",
        value=True,
        persist=True,
    ),
    Input(
        "preview", "Boolean", "Show a live preview", "A window with the plane being denoised", value=True, persist=True
    ),
    Input(
        "stop",
        label="When stopped",
        help="What happens to the result so far when a run is cancelled or Esc is pressed",
        value=DISCARD,
        choices=(DISCARD, KEEP),
        persist=True,
    ),
)

COMMANDS = (
    MenuCommand(
        "AUTO-DIP Denoise...",
        "run_image",
        (
            _TASKS,
            Input("imp", "ImagePlus"),
            Input("note", value="", visibility="MESSAGE"),
            _GROUP,
            Input(
                "scope",
                label="Apply to",
                help="Which planes of the image to denoise",
                value=WHOLE_IMAGE,
                choices=(WHOLE_IMAGE, CURRENT_CHANNEL, CURRENT_SLICE),
            ),
            _CHANNELS,
            _CHANNEL,
            _EFFORT,
            _ITERATIONS,
            _DTYPE,
            Input(
                "output",
                label="Result",
                help="Where the result goes",
                value=NEW_IMAGE,
                choices=(NEW_IMAGE, REPLACE_IMAGE),
            ),
            _OPTIONS,
        ),
        ("ImagePlus", "denoised"),
        _RUN_OPTIONS,
    ),
    MenuCommand(
        "AUTO-DIP Denoise File...",
        "run_file",
        (
            _TASKS,
            Input(
                "input",
                "File",
                "Input image",
                "Any format that autodip reads, including OME-Zarr folders",
                style="both",
            ),
            Input(
                "output",
                "File",
                "Output image",
                "With the suffix .ome.tif, .ome.zarr or .tif; beside the input if empty",
                style="save",
            ),
            *_RUN_FIELDS,
        ),
        ("String", "written"),
        (*_RUN_OPTIONS, "overwrite"),
    ),
    MenuCommand(
        "AUTO-DIP Denoise Folder...",
        "run_folder",
        (
            _TASKS,
            Input(
                "input", "File", "Input folder", "Folder with the images, including its sub-folders", style="directory"
            ),
            Input(
                "output", "File", "Output folder", "Folder for the results, outside the input folder", style="directory"
            ),
            *_RUN_FIELDS,
        ),
        ("String", "summary"),
        (*_RUN_OPTIONS, "overwrite", "suffix"),
    ),
    MenuCommand(
        "AUTO-DIP Inspect Metadata...",
        "inspect",
        (
            _TASKS,
            Input("imp", "ImagePlus"),
            Input("input", "File", "File (the selected image if empty)", "Any format that autodip reads", style="both"),
            _OPTIONS,
        ),
        ("String", "metadata"),
        _RUN_OPTIONS,
    ),
    MenuCommand(
        "AUTO-DIP Evaluate...",
        "evaluate",
        (
            _TASKS,
            Input("reference", "ImagePlus", "Reference", "The clean image (ground truth)"),
            Input("image", "ImagePlus", "Image", "The image to compare with it, of the same dimensions"),
            Input(
                "scope",
                label="Apply to",
                help="Which planes to compare",
                value=WHOLE_IMAGE,
                choices=(WHOLE_IMAGE, CURRENT_SLICE),
            ),
            Input(
                "scale",
                label="Grey-value scale",
                help="Width of the grey-value scale of PSNR and SSIM, e.g. 255; macros may give any number",
                value=AUTO_SCALE,
                choices=(AUTO_SCALE, "255", "4095", "65535"),
            ),
        ),
        ("String", "measures"),
    ),
    MenuCommand(
        "AUTO-DIP Settings...",
        "settings",
        (
            _TASKS,
            *SETTINGS_FIELDS,
            Input("test", "Boolean", "Test the worker now", "Start the worker and report any problem", value=True),
        ),
        ("String", "findings"),
    ),
    MenuCommand("AUTO-DIP Release GPU", "release", (_TASKS,), ("String", "message")),
)

_REMOVE_ALL = "Remove it, and AUTO-DIP from this Fiji"
SET_UP = MenuCommand(
    "AUTO-DIP Set Up...",
    "set_up",
    (
        _TASKS,
        Input("note", value="", visibility="MESSAGE"),
        Input(
            "action",
            label="Python environment",
            help="What to do with the Python environment of AUTO-DIP",
            value="Build or update it",
            choices=("Build or update it", "Repair: delete it and build it anew", "Remove it", _REMOVE_ALL),
        ),
        Input(
            "variant",
            label="Variant",
            help="CUDA needs an NVIDIA GPU with its driver",
            value="Auto",
            choices=("Auto", "CPU", "CUDA", "macOS"),
        ),
        Input(
            "folder",
            "File",
            "Folder (the present one if empty)",
            "A new or empty folder; an environment elsewhere is removed once the new one is complete",
            style="directory",
        ),
        Input(
            "wheels",
            "File",
            "Folder of wheels (without a network)",
            "Build from these packages instead of the network",
            style="directory",
        ),
    ),
    ("String", "message"),
)
"""The command that only Java mode has: in Python mode Fiji itself builds the environment."""


def command_of(entry: str) -> MenuCommand:
    """Return the command whose function in the bridge is named `entry`."""
    return next(command for command in COMMANDS if command.entry == entry)
