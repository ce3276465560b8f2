#!Python
#@ TaskService (initializer="run") tasks
#@ String (label="Device", description="Where to compute", value="auto", choices={"auto", "cuda", "mps", "cpu"}, required=false, persistKey="autodip.device") device
#@ String (label="Effort", description="How much computing to spend, where the calibration knows efforts", value="standard", choices={"fast", "standard"}, required=false, persistKey="autodip.effort") effort
#@ String (label="Calibration", description="Calibration: paper (published AUTO-DIP), autodip, or the path of a calibration pack", value="autodip", required=false, persistKey="autodip.calibration") calibration
#@ String (label="LPIPS weights", description="Folder of LPIPS backbone weights", value="", required=false, persistKey="autodip.weights") weights
#@ Boolean (label="Run in a worker process", description="Compute in a separate process, so that a crash does not affect Fiji", value=true, required=false, persistKey="autodip.isolate") isolate
#@ Boolean (label="Show a live preview", description="A window with the plane being denoised", value=true, required=false, persistKey="autodip.preview") preview
#@ String (label="When stopped", description="What happens to the result so far when a run is cancelled or Esc is pressed", value="Discard", choices={"Discard", "Keep the result so far"}, required=false, persistKey="autodip.stop") stop
#@ Boolean (label="Test the worker now", description="Start the worker and report any problem", value=true, required=false, persist=false) test
#@output String findings
try:
    from autodip_ij.fiji.commands.bridge import settings
except ImportError as problem:
    from scyjava import jimport
    ij = jimport("ij.IJ")
    ij.redirectErrorMessages(jimport("java.awt.GraphicsEnvironment").isHeadless())
    ij.error("AUTO-DIP", f"autodip_ij cannot be loaded ({problem}). Install it into Fiji's environment: "
             "Edit > Options > Python..., or run: autodip fiji install")
    globals().pop("__builtins__")  # SciJava calls again with these globals, and a Java object in its place
    raise
findings = settings(globals())
