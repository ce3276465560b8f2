#@ TaskService (initializer="run") tasks
#@ File (label="Input folder", description="Folder with the images, including its sub-folders", style="directory", required=false, persist=false) input
#@ File (label="Output folder", description="Folder for the results, outside the input folder", style="directory", required=false, persist=false) output
#@ String (label="Group", description="Calibration group: auto (from the metadata), confocal/actin, confocal, actin, ... or all", value="Auto (from metadata)", choices={"Auto (from metadata)", "confocal/nucleus", "confocal/actin", "confocal/mito", "twophoton/nucleus", "twophoton/actin", "twophoton/mito", "widefield/nucleus", "widefield/actin", "widefield/mito", "confocal", "twophoton", "widefield", "nucleus", "actin", "mito", "all"}, required=false, persist=false) group
#@ String (label="Channels (all if empty; counted from 1, or names)", description="Channels to denoise, counted from 1 as ImageJ does: 2, 1-3, DAPI, 1,DAPI (the command line counts from 0)", value="", required=false, persist=false) channels
#@ String (label="Channels", description="Channels: index from 0 (Fiji's dialogs count from 1), range 0-2, name, list 0,DAPI; all if empty", value="", visibility=INVISIBLE, required=false, persist=false) channel
#@ String (label="Effort", description="How much computing to spend, where the calibration knows efforts", value="Auto (from Settings)", choices={"Auto (from Settings)", "fast", "standard"}, required=false, persist=false) effort
#@ Integer (label="Iterations (0 = from group)", description="Optimisation steps of each fit; by default the group's", value=0, min=0, max=20000, required=false, persist=false) iterations
#@ String (label="Result type: 32-bit, or as the source", description="32-bit; or as the source, rounded and clipped, never rescaled", value="32-bit", choices={"32-bit", "as the source"}, required=false, persist=false) dtype
#@ String (label="More settings", description="Any other setting of the command line, as in: seed=3 device=cpu tile=256", value="", required=false, persist=false) options
#@output String summary
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
summary = library.command("run_folder", binding)
