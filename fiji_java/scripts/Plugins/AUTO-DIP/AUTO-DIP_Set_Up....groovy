#@ TaskService (initializer="run") tasks
#@ String (value="", visibility=MESSAGE, required=false, persist=false) note
#@ String (label="Python environment", description="What to do with the Python environment of AUTO-DIP", value="Build or update it", choices={"Build or update it", "Repair: delete it and build it anew", "Remove it", "Remove it, and AUTO-DIP from this Fiji"}, required=false, persist=false) action
#@ String (label="Variant", description="CUDA needs an NVIDIA GPU with its driver", value="Auto", choices={"Auto", "CPU", "CUDA", "macOS"}, required=false, persist=false) variant
#@ File (label="Folder (the present one if empty)", description="A new or empty folder; an environment elsewhere is removed once the new one is complete", style="directory", required=false, persist=false) folder
#@ File (label="Folder of wheels (without a network)", description="Build from these packages instead of the network", style="directory", required=false, persist=false) wheels
#@output String message
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
message = library.command("set_up", binding)
