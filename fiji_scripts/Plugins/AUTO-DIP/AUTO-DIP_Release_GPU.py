#!Python
#@ TaskService (initializer="run") tasks
#@output String message
try:
    from autodip_ij.fiji.commands.bridge import release
except ImportError as problem:
    from scyjava import jimport
    ij = jimport("ij.IJ")
    ij.redirectErrorMessages(jimport("java.awt.GraphicsEnvironment").isHeadless())
    ij.error("AUTO-DIP", f"autodip_ij cannot be loaded ({problem}). Install it into Fiji's environment: "
             "Edit > Options > Python..., or run: autodip fiji install")
    globals().pop("__builtins__")  # SciJava calls again with these globals, and a Java object in its place
    raise
message = release(globals())
