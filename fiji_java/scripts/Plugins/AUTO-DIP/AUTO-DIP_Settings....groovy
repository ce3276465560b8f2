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
ij.IJ.showStatus("AUTO-DIP ...")
def objects = tasks.context().getService("org.scijava.object.ObjectService")
def library
synchronized (objects) {
    library = objects.getObjects(Class).find { it.name == "AutoDipLibrary" }
    if (library == null) {
        def script = binding.getVariable("org.scijava.script.ScriptModule").info
        def here = new File((script.URL ?: new File(script.path).toURI().toURL()).toURI())
        def folder = new File(here.parentFile.parentFile.parentFile.parentFile, "lib/AUTO-DIP")
        library = new GroovyClassLoader(getClass().classLoader).parseClass(new File(folder, "AutoDipLibrary.groovy"))
        library.folder = folder
        objects.addObject(library)
    }
}
findings = library.command("settings", binding)
