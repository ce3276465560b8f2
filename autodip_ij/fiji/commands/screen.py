"""What a command shows in Fiji: Log, status line, images, and the answers of jobs as ImageJ tables."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from autodip_ij.fiji.commands.text import in_dialog_terms, log_lines, plain_text

Row = dict[str, str | float | int | None]


def inspection_rows(inspection: dict[str, Any]) -> Iterator[Row]:
    """Yield one row per fact: each channel with its decision and parameters, followed by each piece of evidence."""
    for scene in inspection["scenes"]:
        for channel in scene["channels"]:
            group = "/".join(part for part in (channel["microscope"], channel["specimen"]) if part) or "unknown"
            # Indices from 1, as in ImageJ. What a user looks for stands on the left, long texts on the right.
            facts: Row = {"Channel": channel["index"] + 1, "Name": channel["name"], "Group": group}
            yield facts | {
                "Confidence": channel["confidence"],
                "Speaks for": None,
                "Weight": None,
                "Value": None,
                "Source": "decision",
                "Scene": scene["name"],
                "Parameters": _parameters(channel),
                "Reason": channel["reason"],
            }
            for evidence in channel["evidence"]:
                yield facts | {
                    "Confidence": None,
                    "Speaks for": evidence["speaks_for"],
                    "Weight": evidence["weight"],
                    "Value": evidence["value"],
                    "Source": evidence["source"],
                    "Scene": scene["name"],
                }


def _parameters(channel: dict[str, Any]) -> str:
    parameters = channel["parameters"]
    if parameters and parameters["classical_weight"] == 1:
        return f"no network, {parameters['classical']} alone"
    return ", ".join(f"{name} {value}" for name, value in parameters.items()) if parameters else "left alone"


def evaluation_rows(rows: Sequence[dict[str, Any]], title: str) -> Iterator[Row]:
    """Yield one row per plane, with indices from 1 as in ImageJ, and a column for each measure that applies."""
    from autodip_ij.evaluation.scoring.measures import MEASURES

    used = [measure for measure in MEASURES if any(row[measure.name] is not None for row in rows)]
    for row in rows:
        place: Row = {"Image": title, "Frame": row["T"] + 1, "Channel": row["C"] + 1, "Slice": row["Z"] + 1}
        yield place | {measure.label: row[measure.name] for measure in used}


def folder_rows(answer: dict[str, Any]) -> Iterator[Row]:
    """Yield one row per file."""
    for row in answer["files"]:
        yield {
            "File": row["file"],
            "Output": row["output"],
            "Status": row["status"],
            "Group": row["group"],
            "Quality": row["quality"],
            "Seconds": row["seconds"],
            "Message": in_dialog_terms(row["message"]),
        }


def is_headless() -> bool:
    """Whether there is no display, so that no window can be opened."""
    from scyjava import jimport

    return bool(jimport("java.awt.GraphicsEnvironment").isHeadless())


def has_window() -> bool:
    """Whether ImageJ's main window is open."""
    from scyjava import jimport

    return not is_headless() and jimport("ij.IJ").getInstance() is not None


def macro_options() -> str:
    """Return the options that a macro passes to the command of this thread; empty outside a macro."""
    from scyjava import jimport

    options = jimport("ij.Macro").getOptions() if jimport("ij.IJ").isMacro() else None
    return "" if options is None else str(options)


def log(message: str) -> None:
    """Write a message to the Log, wrapped to the initial width of its window; as one line without a display."""
    from scyjava import jimport

    text = f"AUTO-DIP: {in_dialog_terms(message)}"
    opens = has_window() and jimport("ij.WindowManager").getWindow("Log") is None
    for line in log_lines(text) if has_window() else [plain_text(text)]:
        jimport("ij.IJ").log(line)
    if opens:
        _place_log()


def _place_log() -> None:
    """Move the Log, which ImageJ opens in the middle of the screen, off the image: below it or into the corner."""
    from scyjava import jimport

    managers = jimport("ij.WindowManager")
    log, image = managers.getWindow("Log"), managers.getCurrentWindow()
    if log is None or image is None or not log.getBounds().intersects(image.getBounds()):
        return
    free, taken = jimport("ij.gui.GUI").getMaxWindowBounds(image), image.getBounds()
    x, y = taken.x, taken.y + taken.height
    if y + log.getHeight() > free.y + free.height:
        x, y = free.x + free.width - log.getWidth(), free.y + free.height - log.getHeight()
    log.setLocation(x, y)


def status(message: str) -> None:
    """Show a message in the status line."""
    from scyjava import jimport

    if has_window():
        jimport("ij.IJ").showStatus(plain_text(message))


def show(imp: Any) -> None:
    """Open an image: as a window or, in headless and batch-mode macros, under a title to select."""
    from jpype import JException

    try:
        imp.show()
    except JException as error:
        # Without a display and outside a macro an image cannot be shown; the script still returns it.
        if "HeadlessException" not in str(error.getClass().getName()):
            raise


def table(rows: Iterable[Mapping[str, str | float | int | None]], title: str) -> Any:
    """Show rows as an ImageJ table (titled "Results": the Results table) and return it; missing values stay empty.

    Parameters
    ----------
    rows
        One mapping of column to value per row.
    title
        Title of the window.
    """
    from scyjava import jimport

    results = jimport("ij.measure.ResultsTable")
    made = results.getResultsTable() if title == "Results" else results()
    made.showRowNumbers(False)
    for row in rows:
        made.incrementCounter()
        for column, value in row.items():
            if value is None:
                made.addValue(column, "")
            else:
                made.addValue(column, plain_text(value) if isinstance(value, str) else float(value))
    made.show(title)
    return made
