import groovy.transform.CompileStatic
import ij.CompositeImage
import ij.IJ
import ij.ImagePlus
import ij.ImageStack
import ij.WindowManager
import ij.gui.Roi
import ij.measure.Calibration
import ij.process.LUT
import java.awt.Color
import java.nio.ByteBuffer

/**
 * ImageJ's images for the worker: their description, their pixels in shared memory, and results with their appearance.
 *
 * What is to be done is decided in Python (autodip_ij.fiji.java); autodip_ij.fiji.imageplus does the same in Python mode.
 */
class AutoDipImage {
    static final int LABELS_AT_MOST = 1000
    static final String SINGLE_LABEL = "Slice_Label"

    /** Describe an image for autodip_ij.fiji.java.described.Described; null for none. */
    static Map facts(ImagePlus imp) {
        if (imp == null) return null
        def file = imp.originalFileInfo
        def known = imp.calibration
        def luts = imp.bitDepth == 24 ? [] : imp.luts.collect {
            [color: [it.getRed(255), it.getGreen(255), it.getBlue(255)], range: range(it.min, it.max)]
        }
        boolean calibrated = known.calibrated() && imp.bitDepth in [8, 16]
        [
            title      : imp.title, width: imp.width, height: imp.height, depth: imp.bitDepth,
            channels   : imp.NChannels, slices: imp.NSlices, frames: imp.NFrames, c: imp.c, z: imp.z, t: imp.t,
            virtual    : imp.getStack().isVirtual(), composite: imp.isComposite(),
            labels     : (1..Math.min(imp.stackSize, LABELS_AT_MOST)).collect { imp.getStack().getSliceLabel(it) },
            label      : imp.getProp(SINGLE_LABEL), info: imp.infoProperty, series: imp.getProperty("Series")?.toString(),
            file       : file ? [directory: file.directory, fileName: file.fileName, description: file.description] : null,
            luts       : luts, display: range(imp.displayRangeMin, imp.displayRangeMax),
            calibration: [
                unit    : known.unit, time_unit: known.timeUnit, interval: known.frameInterval, depth: known.pixelDepth,
                height  : known.pixelHeight, width: known.pixelWidth, scaled: known.scaled(), calibrated: calibrated,
                function: known.function, coefficients: known.coefficients,
                table   : calibrated && known.function != Calibration.STRAIGHT_LINE ? known.CTable : null,
            ],
        ]
    }

    /** A display range; JSON has no numbers for that of an image without finite values. */
    private static List<Double> range(double low, double high) {
        [low, high].every { !it.naN && !it.infinite } ? [low, high] : [0.0d, 1.0d]
    }

    /** Copy planes, pairs of stack index and colour (-1: all), into a block of shared memory. */
    static void read(ImagePlus imp, List<List<Integer>> planes, ByteBuffer target) {
        int size = imp.width * imp.height
        target.rewind()
        for (plane in planes) {
            def pixels = imp.getStack().getPixels(plane[0])
            if (java.lang.reflect.Array.getLength(pixels) != size || pixels.class != imp.getProcessor().getPixels().class)
                throw new AutoDipWorker.Failure("${imp.title}: plane ${plane[0]} is not ${imp.bitDepth}-bit like the " +
                        "others; convert the stack to one type first (Image > Type)")
            if (plane[1] >= 0) target.put(colour((int[]) pixels, 16 - 8 * plane[1])) else put(target, pixels)
        }
    }

    private static void put(ByteBuffer target, Object pixels) {
        if (pixels instanceof byte[]) target.put((byte[]) pixels)
        else if (pixels instanceof short[]) {
            target.asShortBuffer().put((short[]) pixels)
            target.position(target.position() + 2 * pixels.length)
        } else {
            target.asFloatBuffer().put((float[]) pixels)
            target.position(target.position() + 4 * pixels.length)
        }
    }

    @CompileStatic
    private static byte[] colour(int[] packed, int shift) {
        byte[] plane = new byte[packed.length]
        for (int k = 0; k < packed.length; k++) plane[k] = (byte) (packed[k] >> shift)
        plane
    }

    @CompileStatic
    private static int[] pack(byte[] red, byte[] green, byte[] blue) {
        int[] packed = new int[red.length]
        for (int k = 0; k < packed.length; k++)
            packed[k] = (255 << 24) | ((red[k] & 255) << 16) | ((green[k] & 255) << 8) | (blue[k] & 255)
        packed
    }

    /** The finite values, sorted. */
    @CompileStatic
    static float[] finite(float[] values) {
        float[] kept = new float[values.length]
        int count = 0
        for (float value : values) if (!Float.isNaN(value) && !Float.isInfinite(value)) kept[count++] = value
        float[] sorted = java.util.Arrays.copyOf(kept, count)
        java.util.Arrays.sort(sorted)
        sorted
    }

    /** The plane number k of an array of planes. */
    private static Object plane(ByteBuffer array, String dtype, int k, int size) {
        def all = array.duplicate().order(array.order())
        if (dtype == "uint8") {
            byte[] found = new byte[size]
            all.position(k * size)
            all.get(found)
            return found
        }
        if (dtype == "uint16") {
            short[] found = new short[size]
            def view = all.rewind().order(array.order()).asShortBuffer()
            view.position(k * size)
            view.get(found)
            return found
        }
        float[] found = new float[size]
        def view = all.rewind().order(array.order()).asFloatBuffer()
        view.position(k * size)
        view.get(found)
        found
    }

    /** The pixels of a plane of the result: a plane of an array of planes, or three of them as colours. */
    private static Object pixels(List<Integer> from, ByteBuffer array, String dtype, int size) {
        def found = from.collect { plane(array, dtype, it, size) }
        found.size() == 1 ? found[0] : pack(found[0], found[1], found[2])
    }

    /** Make the result: a new image, or the source with its planes replaced. */
    static ImagePlus result(ImagePlus source, Map made, ByteBuffer array, String dtype) {
        int size = source.width * source.height
        def pixels = made.planes.collect { pixels(it.from, array, dtype, size) }
        int depth = made.rgb ? 24 : [uint8: 8, uint16: 16, float32: 32][dtype]
        if (made.replace && depth == source.bitDepth) {
            def stack = source.getStack()
            made.planes.eachWithIndex { plane, k -> stack.setPixels(pixels[k], plane.index) }
            source.setStack(null, stack)
            source.updateAndDraw()
            addInfo(source, source, made.info)
            source.changes = true
            return source
        }
        def result = create(source, made, pixels)
        if (!made.replace) return result
        def title = source.title
        source.setImage(result)
        source.title = title
        source.overlay = result.overlay
        source.setProperty("Info", result.infoProperty)
        source.changes = true
        source
    }

    private static ImagePlus create(ImagePlus source, Map made, List pixels) {
        def chosen = made.selection
        def stack = new ImageStack(source.width, source.height)
        pixels.each { stack.addSlice(null, it) }
        ImagePlus result = new ImagePlus(made.title, stack)
        int channels = made.rgb ? 1 : chosen.channels.size()
        result.setDimensions(channels, chosen.slices.size(), chosen.times.size())
        result.openAsHyperStack = stack.size() > 1
        boolean colours = source.bitDepth == 24
        if (channels > 1 && (colours || source.isComposite()))
            result = new CompositeImage(result, colours ? CompositeImage.COMPOSITE : source.mode)
        result.title = WindowManager.makeUniqueName(made.title)
        result.calibration = calibration(source, result, chosen)
        if (!made.rgb) display(source, result, made)
        made.planes.eachWithIndex { plane, k -> label(source, result, plane, k + 1) }
        annotate(source, result, chosen)
        addInfo(result, source, made.info)
        result.setPosition(*made.position)
        result
    }

    private static Calibration calibration(ImagePlus source, ImagePlus result, Map chosen) {
        def made = source.calibration.copy()
        if (result.bitDepth != source.bitDepth) {
            def unit = made.valueUnit
            made.disableDensityCalibration()
            made.valueUnit = unit
        }
        if (chosen.slices) made.zOrigin -= chosen.slices[0]
        made
    }

    private static void display(ImagePlus source, ImagePlus result, Map made) {
        def colours = [Color.red, Color.green, Color.blue]
        def available = source.bitDepth == 24 ? null : source.luts
        def luts = made.selection.channels.withIndex().collect { c, j ->
            LUT lut = available ? available[Math.min(c, available.length - 1)].clone() : LUT.createLutFromColor(colours[c])
            lut.min = made.ranges[j][0] as double
            lut.max = made.ranges[j][1] as double
            lut
        }
        if (!result.isComposite()) {
            result.setLut(luts[0])
            result.setDisplayRange(luts[0].min, luts[0].max)
            return
        }
        result.setLuts(luts as LUT[])
        if (source.isComposite())
            made.selection.channels.eachWithIndex { c, j -> result.activeChannels[j] = source.activeChannels[c] }
    }

    /** The label of a plane; the stack of a single plane returns the title and the whole Info instead. */
    static String sliceLabel(ImagePlus imp, int index) {
        def label = imp.getStack().getSliceLabel(index)
        if (imp.stackSize > 1) return label
        imp.getProp(SINGLE_LABEL) ?: (label?.startsWith("${imp.title}\n") ? null : label)
    }

    private static void label(ImagePlus source, ImagePlus result, Map plane, int index) {
        def label = sliceLabel(source, plane.index)
        if (plane.colour) label = label ? "${label} - ${plane.colour}" : plane.colour
        if (label == null) return
        result.getStack().setSliceLabel(label, index)
        if (result.stackSize == 1) result.setProp(SINGLE_LABEL, label)
    }

    /** Copy ROI and overlay, without the elements on planes that the result lacks. */
    private static void annotate(ImagePlus source, ImagePlus result, Map chosen) {
        if (source.roi != null) result.roi = (Roi) source.roi.clone()
        if (source.overlay == null) return
        def copied = source.overlay.duplicate()
        def axes = [chosen.times, chosen.channels, chosen.slices]
        for (int k = copied.size() - 1; k >= 0; k--)
            if (!move(copied.get(k), source, result, axes)) copied.remove(k)
        result.overlay = copied
    }

    private static boolean move(Roi roi, ImagePlus source, ImagePlus result, List<List<Integer>> axes) {
        def wanted
        if (roi.hasHyperStackPosition()) wanted = [roi.TPosition, roi.CPosition, roi.ZPosition]
        else if (roi.position > 0) {
            def (c, z, t) = source.convertIndexToPosition(roi.position) as List
            wanted = [t, c, z]
        } else return true
        def places = [wanted, axes].transpose().collect { p, axis -> p > 0 ? axis.indexOf(p - 1) + 1 : 0 }
        if ([wanted, places].transpose().any { p, place -> p > 0 && place == 0 }) return false
        def (t, c, z) = places
        if (roi.hasHyperStackPosition()) roi.setPosition(c, z, t)
        else roi.setPosition(result.getStackIndex(Math.max(1, c), Math.max(1, z), Math.max(1, t)))
        true
    }

    /** Copy the text properties and append the record of the run to the Info. */
    private static void addInfo(ImagePlus result, ImagePlus source, String record) {
        source.getProperties()?.each { key, value ->
            if (key instanceof String && value instanceof String && key != SINGLE_LABEL) result.setProperty(key, value)
        }
        result.setProperty("Info", [source.infoProperty, record].findAll().join("\n"))
    }

    /** Open the next image window to the right of the source's, if the screen has room for it. */
    static void placeNextBeside(ImagePlus source) {
        def window = AutoDipProgress.hasWindow() ? source.window : null
        if (window == null || ij.macro.Interpreter.isBatchMode()) return
        def bounds = window.bounds, free = window.graphicsConfiguration.bounds
        int x = bounds.@x + bounds.@width  // the fields: the getters are of doubles
        if (x + bounds.@width <= free.@x + free.@width) ij.gui.ImageWindow.setNextLocation(x, bounds.@y)
    }
}
