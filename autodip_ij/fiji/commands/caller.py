"""Find out who called a command (a macro or the menu), which image the caller means, and whether a dialog will follow.

SciJava runs a script in a thread of its pool. In batch mode, or without a display, ImageJ stores the current image of a
macro per thread. In the thread of the script, `WindowManager` therefore returns the image of the front window, or one
that an earlier command left with that thread, instead of the macro's image.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

MODULE = "org.scijava.script.ScriptModule"
"""Name under which SciJava hands a script its own module."""
_INITIALIZER = "org.scijava.module.process.InitPreprocessor"


def before_dialog() -> bool:
    """Whether SciJava is asking the script to prepare its inputs before the dialog opens (``initializer="run"``)."""
    from scyjava import jimport

    frames = jimport("java.lang.Thread").currentThread().getStackTrace()
    return any(str(frame.getClassName()) == _INITIALIZER for frame in frames)


def current_image(tasks: Any) -> Any:
    """Return the current image of the caller of this command; None if there is none.

    Parameters
    ----------
    tasks
        SciJava's TaskService, whose context knows the threads; None outside SciJava.
    """
    from scyjava import jimport

    windows = jimport("ij.WindowManager")
    callers = list(_callers(tasks))
    if callers:
        _forget_image_of_thread()
    for caller in callers:
        imp = _image_of(caller)
        if is_usable(imp):
            return imp
    imp = windows.getCurrentImage()
    return imp if is_usable(imp) else None


def make_current(imp: Any, tasks: Any) -> None:
    """Make an image without a window the current one of the calling macro, as ImageJ's own commands do.

    An image with a window is current for every caller.
    """
    from scyjava import jimport

    caller = next(_callers(tasks), None)
    if caller is not None and imp.getWindow() is None and jimport("ij.IJ").isMacro():
        jimport("ij.WindowManager").setTempCurrentImage(caller, imp)


def leave_thread(tasks: Any) -> None:
    """Clear ImageJ's current image of this thread; otherwise a later command in the same thread would receive it."""
    if next(_callers(tasks), None) is not None:
        _forget_image_of_thread()


def _forget_image_of_thread() -> None:
    from scyjava import jimport

    jimport("ij.WindowManager").setTempCurrentImage(None)


def is_usable(imp: Any) -> bool:
    """Whether an ImagePlus has pixels; ImageJ and SciJava substitute empty ones for closed images."""
    return imp is not None and int(imp.getWidth()) > 0 and imp.getProcessor() is not None


def _callers(tasks: Any) -> Iterator[Any]:
    """Yield the threads that wait for this one, nearest first; none where the caller runs the script itself."""
    if tasks is None:
        return
    from scyjava import jimport

    threads = tasks.context().getService(jimport("org.scijava.thread.ThreadService"))
    thread, seen = jimport("java.lang.Thread").currentThread(), set()
    while thread is not None and int(thread.hashCode()) not in seen:
        seen.add(int(thread.hashCode()))
        thread = threads.getParent(thread) if threads is not None else None
        if thread is not None:
            yield thread


def _image_of(thread: Any) -> Any:
    """Return the current image of another thread, which ImageJ keeps private; None if it has none."""
    from jpype import JException
    from scyjava import jimport

    try:
        table = jimport("ij.WindowManager").class_.getDeclaredField("tempImageTable")
        table.setAccessible(True)
        return table.get(None).get(thread)
    except JException:  # an ImageJ that keeps it elsewhere
        return None
