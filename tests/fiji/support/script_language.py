"""Python as a SciJava script language, without the scripting-python jar: adapters around scyjava's own runner."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any


def add_python(context: Any) -> None:
    """Make ``#!Python`` scripts run through the ScriptService of `context`."""
    import scyjava

    java = scyjava.jimport
    scyjava.enable_python_scripting(context)
    scripts = context.service(java("org.scijava.script.ScriptService"))
    objects = context.service(java("org.scijava.object.ObjectService"))
    runner = next(
        o
        for o in objects.getObjects(java("java.util.function.Function"))
        if str(objects.getName(o)) == "PythonScriptRunner"
    )
    language = java("org.scijava.script.AdaptedScriptLanguage")(_factory(java, runner))
    scripts.getIndex().add(language, False)


def _engine(java: Any, runner: Any, factory: Any) -> Any:
    import jpype

    @jpype.JImplements("javax.script.ScriptEngine")
    class Engine:
        def __init__(self) -> None:
            self.context = java("javax.script.SimpleScriptContext")()
            self.bindings = java("javax.script.SimpleBindings")()
            self.context.setWriter(None)  # as from Fiji's menu: a print() in a script raises
            self.context.setErrorWriter(None)

        @jpype.JOverride
        def eval(self, script: Any, *_: Any) -> Any:
            return runner.apply(SimpleNamespace(script=str(script), vars=self.bindings, scriptContext=self.context))

        @jpype.JOverride
        def put(self, key: Any, value: Any) -> None:
            self.bindings.put(key, value)

        @jpype.JOverride
        def get(self, key: Any) -> Any:
            return self.bindings.get(key)

        @jpype.JOverride
        def getBindings(self, scope: Any) -> Any:
            return self.bindings

        @jpype.JOverride
        def setBindings(self, bindings: Any, scope: Any) -> None:
            self.bindings = bindings

        @jpype.JOverride
        def createBindings(self) -> Any:
            return java("javax.script.SimpleBindings")()

        @jpype.JOverride
        def getContext(self) -> Any:
            return self.context

        @jpype.JOverride
        def setContext(self, value: Any) -> None:
            self.context = value

        @jpype.JOverride
        def getFactory(self) -> Any:
            return factory()

    return Engine()


def _factory(java: Any, runner: Any) -> Any:
    import jpype

    def constant(value: Any) -> Any:
        return jpype.JOverride(lambda self, *_: value)

    array_list = java("java.util.ArrayList")
    texts = {
        "getEngineName": "CPython",
        "getEngineVersion": "3",
        "getLanguageName": "Python",
        "getLanguageVersion": "3",
        "getMethodCallSyntax": "",
        "getOutputStatement": "",
        "getProgram": "",
        "getParameter": None,
    }
    members = {name: constant(value) for name, value in texts.items()}
    members["getExtensions"] = constant(array_list(["py"]))
    members["getMimeTypes"] = constant(array_list())
    members["getNames"] = constant(array_list(["Python"]))
    made: list[Any] = []
    members["getScriptEngine"] = jpype.JOverride(lambda self: _engine(java, runner, lambda: made[0]))
    interface = java("javax.script.ScriptEngineFactory")
    made.append(jpype.JObject(jpype.JImplements(interface)(type("Factory", (), members))(), interface))
    return made[0]
