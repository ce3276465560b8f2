#@ TaskService (initializer="run") tasks
#@ ImagePlus (required=false, persist=false) imp
#@ File (label="File (the selected image if empty)", description="Any format that autodip reads", style="both", required=false, persist=false) input
#@ String (label="More settings", description="Any other setting of the command line, as in: seed=3 device=cpu tile=256", value="", required=false, persist=false) options
#@output String metadata
ij.IJ.showStatus("AUTO-DIP ...")
def script = binding.getVariable("org.scijava.script.ScriptModule").info
def objects = tasks.context().getService("org.scijava.object.ObjectService")
def library = objects.getObjects(Class).find { it.name == "AutoDIP" }
if (library == null) {
    def here = new File((script.URL ?: new File(script.path).toURI().toURL()).toURI())
    def loader = new GroovyClassLoader(getClass().classLoader)
    loader.addURL(new File(here.parentFile.parentFile.parentFile.parentFile, "lib/AUTO-DIP").toURI().toURL())
    library = loader.loadClass("AutoDIP")
    objects.addObject(library)
}
metadata = library.command("inspect", binding)
