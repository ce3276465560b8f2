#!Python
#@ TaskService (initializer="run") tasks
#@ ImagePlus (required=false, persist=false) imp
#@ File (label="File (the selected image if empty)", description="Any format that autodip reads", style="both", required=false, persist=false) input
#@ String (label="More settings", description="Any other setting of the command line, as in: seed=3 device=cpu tile=256", value="", required=false, persist=false) options
#@output String metadata
try:
    from autodip_ij.fiji.commands.bridge import inspect
except ImportError as problem:
    from scyjava import jimport
    ij = jimport("ij.IJ")
    ij.redirectErrorMessages(jimport("java.awt.GraphicsEnvironment").isHeadless())
    ij.error("AUTO-DIP", f"autodip_ij cannot be loaded ({problem}). Install it into Fiji's environment: "
             "Edit > Options > Python..., or run: autodip fiji install")
    globals().pop("__builtins__")  # SciJava calls again with these globals, and a Java object in its place
    raise
metadata = inspect(globals())
