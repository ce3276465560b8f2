"""``run("<label>", "key=value ...")`` of a real ImageJ macro reaches a script, as imagej-legacy makes it do in Fiji."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def make_register(context: Any) -> Callable[[str, Any], None]:
    """Return ``register(label, script_info)``.

    The script runs in the thread of the macro, with SciJava's own preprocessors. The values come as in imagej-legacy's
    MacroPreprocessor: each input's name is looked up by `ij.Macro.getValue`, and a text that SciJava cannot convert to
    the type of the input is skipped.
    """
    import jpype
    import scyjava

    java = scyjava.jimport
    convert = context.service(java("org.scijava.convert.ConvertService"))
    plugins = context.service(java("org.scijava.plugin.PluginService"))
    modules = context.service(java("org.scijava.module.ModuleService"))
    plugin = _plugin_class(jpype, java)
    table: dict[str, Any] = {}

    @jpype.JImplements("java.util.function.Consumer")
    class Dispatch:
        @jpype.JOverride
        def accept(self, label: Any) -> None:
            info = table[str(label)]
            module = modules.createModule(info)
            macro, missing = java("ij.Macro"), "\0"
            options = macro.getOptions() or ""
            for item in info.inputs():
                found = macro.getValue(options, item.getName(), missing)
                text = jpype.JObject(found, java("java.lang.Object"))
                if str(found) != missing and convert.supports(text, item.getType()):
                    module.setInput(item.getName(), convert.convert(text, item.getType()))
                    module.resolveInput(item.getName())
            before = plugins.createInstancesOfType(java("org.scijava.module.process.PreprocessorPlugin").class_)
            java("org.scijava.module.ModuleRunner")(context, module, before, java("java.util.ArrayList")()).run()

    plugin.target = Dispatch()

    def register(label: str, info: Any) -> None:
        table[label] = info
        java("ij.Menus").getCommands().put(label, f'ij.plugin.ScriptCommand("{label}")')

    return register


def _plugin_class(jpype: Any, java: Any) -> Any:
    pool = java("javassist.ClassPool").getDefault()
    made = pool.makeClass("ij.plugin.ScriptCommand")
    made.addInterface(pool.get("ij.plugin.PlugIn"))
    made.addField(java("javassist.CtField").make("public static java.util.function.Consumer target;", made))
    made.addMethod(java("javassist.CtNewMethod").make("public void run(String label) { target.accept(label); }", made))
    return jpype.JClass(made.toClass(java("ij.plugin.PlugIn").class_))
