#@ TaskService (initializer="run") tasks
#@output String message
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
message = library.command("release", binding)
