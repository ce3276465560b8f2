#@ TaskService (initializer="run") tasks
#@ ImagePlus (required=false, persist=false) imp
#@ File (label="File (the selected image if empty)", description="Any format that autodip reads", style="both", required=false, persist=false) input
#@ String (label="More settings", description="Any other setting of the command line, as in: seed=3 device=cpu tile=256", value="", required=false, persist=false) options
#@output String metadata
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
metadata = library.command("inspect", binding)
