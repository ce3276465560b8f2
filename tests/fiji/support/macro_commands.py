"""``run("<label>", "key=value ...")`` of a real ImageJ macro reaches a script, as imagej-legacy makes it do in Fiji."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def make_register(context: Any) -> Callable[[str, Any], None]:
    """Return ``register(label, script_info)``; its `left_open` names the inputs a dialog would have asked for last.

    As in imagej-legacy the script runs in a thread of SciJava's pool, with SciJava's own preprocessors; the values come
    as in its MacroPreprocessor (each input's name is looked up by `ij.Macro.getValue`, and a text that SciJava cannot
    convert to the type of the input is skipped), and the image as in its ActiveImagePlusPreprocessor, which asks
    ImageJ what is current in the thread of the pool.
    """
    import jpype
    import scyjava

    java = scyjava.jimport
    convert = context.service(java("org.scijava.convert.ConvertService"))
    plugins = context.service(java("org.scijava.plugin.PluginService"))
    modules = context.service(java("org.scijava.module.ModuleService"))
    threads = context.service(java("org.scijava.thread.ThreadService"))
    images = java("ij.ImagePlus").class_
    plugin = _plugin_class(jpype, java)
    table: dict[str, Any] = {}
    left_open: list[str] = []

    def run(info: Any, options: Any) -> None:
        module = modules.createModule(info)
        macro, missing = java("ij.Macro"), "\0"
        for item in info.inputs():
            found = macro.getValue(options or "", item.getName(), missing)
            text = jpype.JObject(found, java("java.lang.Object"))
            if str(found) != missing and convert.supports(text, item.getType()):
                module.setInput(item.getName(), convert.convert(text, item.getType()))
                module.resolveInput(item.getName())
        current = java("ij.WindowManager").getCurrentImage()
        taken = [item.getName() for item in info.inputs() if item.getType() == images]
        if len(taken) == 1 and current is not None:
            module.setInput(taken[0], current)
            module.resolveInput(taken[0])
        before = plugins.createInstancesOfType(java("org.scijava.module.process.PreprocessorPlugin").class_)
        java("org.scijava.module.ModuleRunner")(context, module, before, java("java.util.ArrayList")()).run()
        left_open[:] = [str(item.getName()) for item in info.inputs() if not module.isInputResolved(item.getName())]

    @jpype.JImplements("java.util.function.Consumer")
    class Dispatch:
        @jpype.JOverride
        def accept(self, label: Any) -> None:
            info, options = table[str(label)], java("ij.Macro").getOptions()

            @jpype.JImplements("java.lang.Runnable")
            class InPool:
                @jpype.JOverride
                def run(self) -> None:
                    thread = java("java.lang.Thread").currentThread()
                    name = thread.getName()
                    thread.setName(f"Run$_{name}")  # by which ImageJ knows whose options it may tell
                    java("ij.Macro").setOptions(options)
                    try:
                        run(info, options)
                    finally:
                        java("ij.Macro").setOptions(None)
                        thread.setName(name)

            threads.run(jpype.JObject(InPool(), java("java.lang.Runnable"))).get()

    plugin.target = Dispatch()

    def register(label: str, info: Any) -> None:
        table[label] = info
        java("ij.Menus").getCommands().put(label, f'ij.plugin.ScriptCommand("{label}")')

    register.left_open = left_open  # type: ignore[attr-defined]
    return register


def _plugin_class(jpype: Any, java: Any) -> Any:
    pool = java("javassist.ClassPool").getDefault()
    made = pool.makeClass("ij.plugin.ScriptCommand")
    made.addInterface(pool.get("ij.plugin.PlugIn"))
    made.addField(java("javassist.CtField").make("public static java.util.function.Consumer target;", made))
    made.addMethod(java("javassist.CtNewMethod").make("public void run(String label) { target.accept(label); }", made))
    return jpype.JClass(made.toClass(java("ij.plugin.PlugIn").class_))
