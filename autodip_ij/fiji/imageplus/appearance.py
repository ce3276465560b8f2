"""Transfer the appearance of an image to its result: calibration, LUTs, display ranges, labels, overlay, ROI, Info."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from autodip_ij.fiji.commands.text import plain_text
from autodip_ij.fiji.imageplus.convert import (
    COLOURS,
    Selection,
    has_density_function,
    is_rgb,
    shown_values,
    stack_index,
    whole,
)

_SINGLE_LABEL = "Slice_Label"


def dress(result: Any, source: Any, selection: Selection, *, title: str, provenance: str) -> None:
    """Copy the appearance of `source` to `result`.

    Parameters
    ----------
    result
        A new ImagePlus with the planes of `selection`, of the type of the source or 32-bit. A multi-channel result must
        first be turned into a composite by `as_composite`.
    source
        The ImagePlus from which it was computed.
    selection
        The planes of the source that it holds.
    title
        Title of the result.
    provenance
        Block of text appended to the Info.
    """
    result.setTitle(title)
    _copy_calibration(result, source, selection)
    _copy_display(result, source, selection)
    _copy_labels(result, source, selection)
    _copy_annotations(result, source, selection)
    copy_info(result, source, provenance)
    _copy_position(result, source, selection)


def as_composite(result: Any, source: Any, selection: Selection) -> Any:
    """Return `result` as a composite if the source shows each channel with its own LUT, else unchanged."""
    from scyjava import jimport

    composite = jimport("ij.CompositeImage")
    colours = is_rgb(source)
    if len(selection.channels) < 2 or is_rgb(result) or not (colours or source.isComposite()):
        return result
    mode = composite.COMPOSITE if colours else int(source.getMode())
    return composite(result, mode)


def _copy_calibration(result: Any, source: Any, selection: Selection) -> None:
    calibration = source.getCalibration().copy()
    if int(result.getBitDepth()) != int(source.getBitDepth()):
        unit = calibration.getValueUnit()
        calibration.disableDensityCalibration()
        calibration.setValueUnit(unit)
    if selection.slices:
        calibration.zOrigin -= selection.slices[0]
    result.setCalibration(calibration)


def _copy_display(result: Any, source: Any, selection: Selection) -> None:
    from scyjava import jimport

    if is_rgb(result):
        return
    luts = _luts(result, source, selection)
    if not result.isComposite():
        result.setLut(luts[0])
        result.setDisplayRange(luts[0].min, luts[0].max)
        return
    lut_type = jimport("ij.process.LUT")
    result.setLuts(lut_type[:](luts))
    if source.isComposite():
        active = source.getActiveChannels()
        for position, c in enumerate(selection.channels):
            result.getActiveChannels()[position] = active[c]


def _luts(result: Any, source: Any, selection: Selection) -> list[Any]:
    """Return one LUT per channel of the result, with its display range in the result's grey values."""
    from scyjava import jimport

    if is_rgb(source):
        lut_type, color = jimport("ij.process.LUT"), jimport("java.awt.Color")
        luts = [lut_type.createLutFromColor((color.red, color.green, color.blue)[c]) for c in selection.channels]
        ranges = [(0.0, 255.0)] * len(luts)
    else:
        available = list(source.getLuts())
        luts = [available[min(c, len(available) - 1)].clone() for c in selection.channels]
        ranges = [(float(lut.min), float(lut.max)) for lut in luts]
        if not source.isComposite():
            ranges = [(float(source.getDisplayRangeMin()), float(source.getDisplayRangeMax()))] * len(luts)
    for lut, ends in zip(luts, ranges, strict=True):
        if has_density_function(source) and not has_density_function(result):
            low, high = shown_values(source, np.array(ends)).tolist()
            ends = (min(low, high), max(low, high))
        lut.min, lut.max = ends
    return luts


def slice_label(imp: Any, index: int) -> str | None:
    """Return the label of a plane (index from 1), or None.

    A single plane stores its label as a property; its stack returns the title and the entire Info instead.
    """
    if int(imp.getStackSize()) == 1:
        label = imp.getProp(_SINGLE_LABEL)
        if label is None:
            label = imp.getStack().getSliceLabel(1)
            label = None if label is None or str(label).startswith(f"{imp.getTitle()}\n") else label
    else:
        label = imp.getStack().getSliceLabel(index)
    return None if label is None else str(label)


def _copy_labels(result: Any, source: Any, selection: Selection) -> None:
    colours = is_rgb(source) and not is_rgb(result)
    for target, place in _planes(result, source, selection):
        label = slice_label(source, stack_index(source, *place))
        if colours:
            colour = COLOURS[place[1]]
            label = f"{label} - {colour}" if label else colour
        if label is not None:
            result.getStack().setSliceLabel(label, target)
            if int(result.getStackSize()) == 1:
                result.setProp(_SINGLE_LABEL, label)


def _planes(result: Any, source: Any, selection: Selection) -> list[tuple[int, tuple[int, int, int]]]:
    """Return (stack index in the result, position in the source) of each plane of the result."""
    return [
        (stack_index(result, *target), place)
        for target, place in selection.positions()
        if not (is_rgb(result) and target[1])
    ]


def _copy_annotations(result: Any, source: Any, selection: Selection) -> None:
    """Copy overlay and ROI, except overlay elements on planes that the result does not contain."""
    roi = source.getRoi()
    if roi is not None:
        result.setRoi(roi.clone())
    overlay = source.getOverlay()
    if overlay is None:
        return
    copied = overlay.duplicate()
    if selection != whole(source):
        for index in reversed(range(int(copied.size()))):
            if not _move(copied.get(index), source, result, selection):
                copied.remove(index)
    result.setOverlay(copied)


def _move(roi: Any, source: Any, result: Any, selection: Selection) -> bool:
    """Move an overlay element to its plane in the result; return False if the result lacks that plane."""
    if roi.hasHyperStackPosition():
        wanted = (int(roi.getTPosition()), int(roi.getCPosition()), int(roi.getZPosition()))
    elif int(roi.getPosition()) > 0:
        c, z, t = (int(p) for p in source.convertIndexToPosition(roi.getPosition()))
        wanted = (t, c, z)
    else:
        return True
    axes = (selection.times, selection.channels, selection.slices)
    if any(p > 0 and p - 1 not in axis for p, axis in zip(wanted, axes, strict=True)):
        return False
    t, c, z = (axis.index(p - 1) + 1 if p > 0 else 0 for p, axis in zip(wanted, axes, strict=True))
    if roi.hasHyperStackPosition():
        roi.setPosition(c, z, t)
    else:
        roi.setPosition(result.getStackIndex(c, z, t))
    return True


def copy_info(result: Any, source: Any, provenance: str) -> None:
    """Copy the text properties of `source`, including its Info, and append the provenance block to the Info."""
    from scyjava import jimport

    properties = source.getProperties()
    text = jimport("java.lang.String")
    for key in list(properties.keySet()) if properties is not None else []:
        value = properties.get(key)
        if isinstance(key, text) and isinstance(value, text) and str(key) != _SINGLE_LABEL:
            result.setProperty(key, value)
    info = source.getInfoProperty()
    result.setProperty("Info", "\n".join(part for part in (str(info) if info else "", provenance) if part))


def _copy_position(result: Any, source: Any, selection: Selection) -> None:
    def near(axis: tuple[int, ...], position: int) -> int:
        return axis.index(position - 1) + 1 if position - 1 in axis else 1

    channel = 1 if is_rgb(result) else near(selection.channels, int(source.getC()))
    result.setPosition(channel, near(selection.slices, int(source.getZ())), near(selection.times, int(source.getT())))


def result_title(title: str) -> str:
    """Return the title of the result: the source's title without its file suffix, followed by ``-autodip``.

    Examples
    --------
    >>> result_title("cells.ome.tif"), result_title("embryo 0.5 um"), result_title("a.lif - Series 2")
    ('cells-autodip', 'embryo 0.5 um-autodip', 'a.lif - Series 2-autodip')
    """
    from autodip_ij.images.reading.recognition import readable_suffixes

    endings = sorted((suffix.lstrip(".") for suffix in readable_suffixes()), key=len, reverse=True)
    pattern = rf"\.(?:{'|'.join(re.escape(e) for e in endings)}|gif|bmp|avi|dcm|zip)$"
    return f"{re.sub(pattern, '', plain_text(title), flags=re.IGNORECASE)}-autodip"
