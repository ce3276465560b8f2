"""Start or find an ImageJ2 from Python, by PyImageJ, with the commands of *Plugins > AUTO-DIP* registered."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from autodip_ij.errors import BadInput, EnvironmentProblem
from autodip_ij.fiji.commands.scripts import register, scripts_path
from autodip_ij.fiji.install.folder import FijiFolder, java_program
from autodip_ij.fiji.install.layout import SCRIPTS

FIJI_FOLDER = "AUTODIP_FIJI_DIR"
"""Environment variable with the folder of the Fiji to use."""

_started: dict[str, Any] = {}
"""The gateway of this process and where it is from: a process has one Java, and Java one ImageJ."""


def gateway(
    where: str | Path | Any = None,
    *,
    mode: Literal["headless", "interactive"] = "headless",
    java_options: Sequence[str] = (),
) -> Any:
    """Return an ImageJ2 gateway in which the commands of AUTO-DIP can be called.

    Parameters
    ----------
    where
        Folder of Fiji; or Maven coordinates such as ``"sc.fiji:fiji"``, which are downloaded; or a gateway that is
        running. By default the gateway that runs in this process, else the Fiji that ``AUTODIP_FIJI_DIR`` names, else
        the only one in the usual places.
    mode
        ``"interactive"`` shows windows with ``ij.ui().showUI()``, and needs a screen.
    java_options
        Further options for Java, such as ``"-Xmx8g"``.

    Returns
    -------
    net.imagej.ImageJ
        As `imagej.init` returns it. Macros find the commands as well, if this call started Java.

    Raises
    ------
    autodip_ij.errors.BadInput
        If there is no such Fiji, more than one, or another one runs in this process.
    autodip_ij.errors.EnvironmentProblem
        If PyImageJ is missing, or ImageJ2 does not start.

    Examples
    --------
    >>> ij = autodip_ij.fiji.gateway("/path/of/Fiji")  # doctest: +SKIP
    >>> imp = ij.IJ.openImage("cells.tif")  # doctest: +SKIP
    >>> denoised = autodip_ij.fiji.denoise(imp)  # doctest: +SKIP
    """
    if where is not None and not isinstance(where, (str, Path)):
        register(where)
        return where
    try:
        import imagej
        import scyjava
    except ImportError as problem:
        raise EnvironmentProblem(f"PyImageJ is missing ({problem}): pip install 'autodip_ij[fiji]'") from problem
    if scyjava.jvm_started():
        return _running(where, scyjava)
    wanted = _wanted(where)
    if isinstance(wanted, FijiFolder):
        origin = str(wanted.root)
        own = java_program(wanted)
        if own is not None and own.is_relative_to(wanted.root):
            os.environ["JAVA_HOME"] = str(own.parent.parent)
        if wanted.jar_version("imglib2-imglyb"):
            scyjava.config.endpoints.clear()  # else `import imagej` has asked for it from the network
        there = wanted.root / SCRIPTS
    else:
        origin, there = wanted, None
    if there is None or not there.is_dir():
        # ImageJ reads its table of commands once, at start.
        scyjava.config.add_option(f"-Dscijava.scripts.path={scripts_path()}")
    scyjava.config.set_java_constraints(fetch="auto")  # take a Java that is there before one is downloaded
    for option in java_options:
        scyjava.config.add_option(option)
    try:
        ij = imagej.init(origin, mode=mode)
    except Exception as problem:
        raise EnvironmentProblem(
            f"ImageJ2 does not start from {origin} ({type(problem).__name__}: {problem}); see "
            "'autodip fiji doctor', and start Python again: Java can be started once"
        ) from problem
    if not ij:
        raise EnvironmentProblem(f"{origin} has no ImageJ2: give the folder of Fiji, or sc.fiji:fiji")
    register(ij)
    _started.update(ij=ij, origin=origin)
    return ij


def _wanted(where: str | Path | None) -> FijiFolder | str:
    """Return the Fiji folder, or Maven coordinates, to start."""
    if where is None:
        given = os.environ.get(FIJI_FOLDER)
        return FijiFolder.at(given) if given else FijiFolder.find()
    # Maven coordinates, which a path of Windows with its drive is not.
    if isinstance(where, str) and ":" in where.partition("+")[0][2:] and not Path(where).exists():
        return where
    folder = FijiFolder.at(where)
    if not folder.is_fiji:
        raise BadInput(f"{folder.root}: a plain ImageJ; the gateway needs a Fiji")
    return folder


def _running(where: str | Path | None, scyjava: Any) -> Any:
    """Return the gateway of this process."""
    if _started:
        if where is not None and _origin_of(where) != _started["origin"]:
            raise BadInput(f"ImageJ2 runs in this process from {_started['origin']}; start Python again for {where}")
        return _started["ij"]
    if where is not None:
        raise BadInput(
            f"Java runs in this process already: gateway() finds its ImageJ2; start Python again for {where}"
        )
    context = scyjava.jimport("ij.IJ").runPlugIn("org.scijava.Context", "")
    if context is None:
        raise EnvironmentProblem("Java runs in this process without ImageJ2: start Python again, gateway() first")
    ij = scyjava.jimport("net.imagej.ImageJ")(context)
    register(ij)
    _started.update(ij=ij, origin="a gateway that was running")
    return ij


def _origin_of(where: str | Path) -> str:
    wanted = _wanted(where)
    return str(wanted.root) if isinstance(wanted, FijiFolder) else wanted
