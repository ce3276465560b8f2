#!Python
#@ TaskService (initializer="run") tasks
#@ ImagePlus (label="Reference", description="The clean image (ground truth)", required=false, persist=false) reference
#@ ImagePlus (label="Image", description="The image to compare with it, of the same dimensions", required=false, persist=false) image
#@ String (label="Apply to", description="Which planes to compare", value="Whole image", choices={"Whole image", "Current slice"}, required=false, persist=false) scope
#@ String (label="Grey-value scale", description="Width of the grey-value scale of PSNR and SSIM, e.g. 255; macros may give any number", value="Auto (span of the reference)", choices={"Auto (span of the reference)", "255", "4095", "65535"}, required=false, persist=false) scale
#@output String measures
try:
    from autodip_ij.fiji.commands.bridge import evaluate
except ImportError as problem:
    from scyjava import jimport
    ij = jimport("ij.IJ")
    ij.redirectErrorMessages(jimport("java.awt.GraphicsEnvironment").isHeadless())
    ij.error("AUTO-DIP", f"autodip_ij cannot be loaded ({problem}). Install it into Fiji's environment: "
             "Edit > Options > Python..., or run: autodip fiji install")
    globals().pop("__builtins__")  # SciJava calls again with these globals, and a Java object in its place
    raise
measures = evaluate(globals())
