#@ TaskService (initializer="run") tasks
#@ ImagePlus (label="Reference", description="The clean image (ground truth)", required=false, persist=false) reference
#@ ImagePlus (label="Image", description="The image to compare with it, of the same dimensions", required=false, persist=false) image
#@ String (label="Apply to", description="Which planes to compare", value="Whole image", choices={"Whole image", "Current slice"}, required=false, persist=false) scope
#@ String (label="Grey-value scale", description="Width of the grey-value scale of PSNR and SSIM, e.g. 255; macros may give any number", value="Auto (span of the reference)", choices={"Auto (span of the reference)", "255", "4095", "65535"}, required=false, persist=false) scale
#@output String measures
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
measures = library.command("evaluate", binding)
