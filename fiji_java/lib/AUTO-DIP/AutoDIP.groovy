import ij.IJ
import ij.ImagePlus
import ij.Macro
import ij.WindowManager
import ij.macro.Interpreter
import ij.measure.ResultsTable
import java.awt.GraphicsEnvironment
import org.codehaus.groovy.runtime.StackTraceUtils
import org.scijava.ItemVisibility
import org.scijava.prefs.PrefService
import org.scijava.script.ScriptModule
import org.scijava.thread.ThreadService

/**
 * The commands of Plugins > AUTO-DIP for Fiji in its plain Java mode.
 *
 * Each script calls AutoDIP.command with its name and its binding, twice: SciJava prepares the dialog by the first call.
 * What a command does is decided by the worker (autodip_ij.fiji.java); here are its images, its dialog and its windows.
 */
class AutoDIP {
    static final String NO_IMAGE = "no image is open; open one, or denoise a file with AUTO-DIP Denoise File..."
    static final String TWO_IMAGES = "two images are needed: open the reference and the image to compare with it"
    /** What AUTO-DIP Settings... stores, as autodip.<name>. */
    static final List<String> STORED = ["device", "effort", "calibration", "weights", "isolate", "preview", "stop"]
    static final int LOOK_MS = 2000
    private static final String REFUSED = "autodip_refused", ANSWER = "autodip.answer"

    private static AutoDipWorker engine

    private final String entry
    private final Binding binding
    private final tasks
    private final ScriptModule module
    private final List inputs

    private AutoDIP(String entry, Binding binding) {
        this.entry = entry
        this.binding = binding
        tasks = binding.getVariable("tasks")
        module = (ScriptModule) binding.getVariable(ScriptModule.name)
        inputs = module.info.inputs().toList()
    }

    /** Prepare or run a command; the result of a run is what its script returns. */
    static Object command(String entry, Binding binding) {
        new AutoDIP(entry, binding).call()
    }

    static synchronized AutoDipWorker worker() {
        try {
            AutoDIP.classLoader.loadClass("org.apposed.appose.Builder")
            org.apposed.appose.TaskEvent.getField("info")
        } catch (ReflectiveOperationException | NoClassDefFoundError missing) {
            throw new AutoDipWorker.Failure(AutoDipLibrary.NO_APPOSE)
        }
        engine = engine ?: new AutoDipWorker(AutoDipLibrary.folder)
    }

    private Object call() {
        try {
            System.setProperty(ANSWER, "")
            if (Thread.currentThread().stackTrace.any { it.className == "org.scijava.module.process.InitPreprocessor" }) {
                prepare()
                return null
            }
            if (binding.hasVariable(REFUSED)) return null
            def answer = run()
            System.setProperty(ANSWER, answer instanceof ImagePlus ? answer.title : answer.toString())
            return answer
        } catch (AutoDipWorker.Failure failure) {
            report(failure)
        } catch (Throwable problem) {
            def failure = new AutoDipWorker.Failure("${problem.class.simpleName}: ${problem.message}. This is a defect of " +
                    "AUTO-DIP; please report it with the details in the Log")
            def text = new StringWriter()
            StackTraceUtils.sanitize(problem).printStackTrace(new PrintWriter(text))
            failure.details = text.toString().readLines().take(30)
            report(failure)
        } finally {
            module.info.outputs().each { module.resolveOutput(it.name) }  // Fiji is to open no window for it
            if (callers().hasNext()) WindowManager.setTempCurrentImage(null)  // a later command in this thread
        }
        null
    }

    // ---- before the dialog

    private void prepare() {
        try {
            if (entry == "set_up") {
                module.setInput("note", AutoDipSetUp.note(worker().library).collect { asHtml(it) }.join("<br>"))
                if (macroLine()) fillOmitted()
                return
            }
            if (entry != "release") {
                def problem = AutoDipEnvironment.find().problem(worker().library)
                if (problem) throw new AutoDipWorker.Failure(problem)
            }
            takeImages()
            inputs.findAll { it.visibility == ItemVisibility.INVISIBLE }.each { module.resolveInput(it.name) }
            if (macroLine()) fillOmitted()
            else if (entry == "run_image" && AutoDipProgress.hasWindow()) announce()
        } catch (Throwable problem) {
            binding.setVariable(REFUSED, true)
            inputs.each { module.resolveInput(it.name) }
            throw problem
        }
    }

    private void takeImages() {
        if (inputs.any { it.name == "imp" }) {
            def imp = image()
            module.setInput("imp", imp)
            module.resolveInput("imp")
            if (imp == null && entry == "run_image") throw new AutoDipWorker.Failure(NO_IMAGE)
        }
        if (entry == "evaluate" && !(module.isInputResolved("reference") && module.isInputResolved("image"))
                && AutoDipProgress.hasWindow() && WindowManager.imageCount < 2)
            throw new AutoDipWorker.Failure(TWO_IMAGES)
    }

    /** A macro gets no dialog: what it omits takes the stored value or the default. */
    private void fillOmitted() {
        def stored = stored()
        inputs.findAll { !module.isInputResolved(it.name) }.each {
            if (it.persistKey && stored[it.name] != null)
                module.setInput(it.name, it.type == Boolean ? stored[it.name] == "true" : stored[it.name])
            module.resolveInput(it.name)
        }
    }

    /** Show in the dialog which image it is about, and, if the worker knows them in time, groups and expected time. */
    private void announce() {
        def imp = module.getInput("imp"), worker = worker()
        def found = [:]
        if (worker.isIdle()) {
            AutoDipProgress.status("${imp.title}: reading the metadata")
            def values = [imp: AutoDipImage.facts(imp), stored: stored(), window: true]
            Thread.startDaemon("AUTO-DIP-Look") {
                try {
                    def groups
                    new AutoDipWorker.Arrays().withCloseable { groups = worker.ask("groups", values, it, SILENT, null, true) }
                    found.label = groups.label
                    new AutoDipWorker.Arrays().withCloseable {
                        share(it, groups.arrays, [imp: imp])
                        found.time = worker.ask("time", [request: groups.request, window: true], it, SILENT, null, true).time
                    }
                } catch (Exception late) {  // the run itself will report it
                }
            }.join(LOOK_MS)
        }
        module.info.getInput("group").label = found.label ?: "Group"
        def title = imp.title.length() <= 40 ? imp.title : "${imp.title.take(20).trim()}...${imp.title[-10..-1]}"
        def time = found.time ? "expected time ${found.time}" : "the Log tells the expected time after the start"
        module.setInput("note", asHtml("${title}: ${time}"))
    }

    /** SciJava shows the text of a dialog as HTML, and makes the dialog too tall for one whose lines it may break. */
    private static String asHtml(String text) {
        text.replace("&", "&amp;").replace("<", "&lt;").replace(" ", "&nbsp;")
    }

    private static final SILENT = [start: { n, m -> }, advance: { n, m -> }, log: { m -> }, preview: { p, s, t -> },
                                   wantsPreview: { -> false }, stopRequest: { -> "no" }] as Watcher

    /** What the worker needs of a progress. */
    static interface Watcher {
        void start(int steps, String message)
        void advance(int steps, String message)
        void log(String message)
        void preview(float[] plane, List<Integer> shape, String title)
        boolean wantsPreview()
        String stopRequest()
    }

    // ---- the run

    private Object run() {
        if (entry == "release") return release()
        if (entry == "set_up") return setUp()
        def images = [:]
        if (inputs.any { it.name == "imp" } && !binding.variables.get("input")) images.imp = image()
        inputs.findAll { it.type == ImagePlus && it.name != "imp" }.each { images[it.name] = binding.variables.get(it.name) }
        images = images.collectEntries { name, imp -> [name, usable(imp) ? imp : null] }
        if (images.reference != null && images.reference.is(images.image)) otherThanChosenTwice(images)
        def locked = entry == "run_image" ? images.imp : null
        if (locked != null && !locked.lockSilently())
            throw new AutoDipWorker.Failure("${locked.title}: another command is using this image; wait until it has finished")
        def progress = new AutoDipProgress(tasks)
        try {
            return perform(images, progress)
        } finally {
            progress.close()
            locked?.unlock()
        }
    }

    /** The dialog offers the same image twice, and SciJava cannot preselect: take the only other one of its dimensions. */
    private static void otherThanChosenTwice(Map images) {
        if (macroLine() || !AutoDipProgress.hasWindow()) return
        def twice = images.reference
        def alike = (WindowManager.IDList ?: []).collect { WindowManager.getImage(it as int) }
                .findAll { !it.is(twice) && it.dimensions == twice.dimensions && (it.bitDepth == 24) == (twice.bitDepth == 24) }
        if (alike.size() != 1) return
        images.image = alike[0]
        AutoDipProgress.log("${alike[0].title} is compared with ${twice.title}, which was chosen twice")
    }

    private Object perform(Map images, AutoDipProgress progress) {
        def worker = worker()
        boolean window = AutoDipProgress.hasWindow()
        def call = [
            entry: entry, line: macroLine(), stored: stored(), window: window, preview: window,
            inputs: inputs.findAll { it.type in [String, Integer, Boolean, File] }
                    .collectEntries { [it.name, plain(binding.variables.get(it.name))] },
            images: images.collectEntries { name, imp -> [name, AutoDipImage.facts(imp)] },
            same: images.reference != null && images.reference.is(images.image),
        ]
        def plan
        try {
            new AutoDipWorker.Arrays().withCloseable { plan = worker.ask("plan", call, it, progress) }
        } catch (AutoDipWorker.Failure failure) {
            forget(failure.forget)
            throw failure
        }
        forget(plan.forget)
        progress.onStop = plan.keep ? "keep" : "discard"
        progress.previewed = plan.preview ? plan.title : null
        if (plan.arrays) progress.start(0, "Reading the image")
        new AutoDipWorker.Arrays().withCloseable { arrays ->
            share(arrays, plan.arrays, images)
            def shown = worker.ask("run", [*: plan.run, window: window], arrays, progress, plan.preview)
            if (shown.table) table(shown.table)
            if (!shown.image) return shown.answer
            def result = AutoDipImage.result(images.imp, shown.image, arrays["target"], plan.arrays.target.dtype)
            if (!shown.image.replace) show(images.imp, result)
            result
        }
    }

    private static Object plain(value) {
        value instanceof File ? value.path : value
    }

    private static void share(AutoDipWorker.Arrays arrays, Map wanted, Map images) {
        wanted.each { name, array ->
            def block = arrays.add(name, array.dtype, array.shape)
            if (array.image) AutoDipImage.read(images[array.image], array.planes, block)
        }
    }

    private Object release() {
        def message = worker().release() ? "the worker was ended and its memory freed" : "no worker is running"
        AutoDipProgress.log(message)
        AutoDipProgress.status("AUTO-DIP: ${message}")
        message
    }

    private Object setUp() {
        def values = ["action", "variant", "folder", "wheels"].collectEntries { [it, plain(binding.variables.get(it))] }
        worker().release()
        def done = new AutoDipProgress(tasks).withCloseable { new AutoDipSetUp(worker().library, it).run(values) }
        AutoDipProgress.log(done)
        if (AutoDipProgress.hasWindow() && !IJ.isMacro()) IJ.showMessage("AUTO-DIP", wrapped(done))
        done
    }

    private void show(ImagePlus source, ImagePlus result) {
        AutoDipImage.placeNextBeside(source)
        try {
            result.show()
        } catch (java.awt.HeadlessException outsideMacro) {  // the script still returns it
        }
        def caller = callers().find()
        if (caller != null && result.window == null && IJ.isMacro()) WindowManager.setTempCurrentImage(caller, result)
    }

    private static void table(Map table) {
        def made = table.title == "Results" ? ResultsTable.resultsTable : new ResultsTable()
        made.showRowNumbers(false)
        table.rows.each { row ->
            made.incrementCounter()
            row.each { column, value ->
                if (value in ["NaN", "Infinity", "-Infinity"]) made.addValue(column, Double.parseDouble(value))
                else if (value == null || value instanceof String) made.addValue(column, value ?: "")
                else made.addValue(column, value as double)
            }
        }
        made.show(table.title)
    }

    // ---- failures

    private void report(AutoDipWorker.Failure failure) {
        failure.details.each { AutoDipProgress.log("  ${it}") }
        if (!failure.logged) AutoDipProgress.log(failure.message)
        if (failure.cancelled) {
            AutoDipProgress.status(failure.message)
            if (IJ.isMacro()) endMacro()
            return
        }
        if (GraphicsEnvironment.isHeadless()) {
            if (!IJ.isMacro()) return
            IJ.redirectErrorMessages()  // no dialog
        }
        try {
            IJ.error("AUTO-DIP", failure.logged ? failure.message : wrapped(failure.message))
        } catch (RuntimeException ended) {
            if (ended.message != Macro.MACRO_CANCELED) throw ended
            endMacro()  // SciJava would show the exception in its console
        }
    }

    private static String wrapped(String text) {
        text.replaceAll(/(.{1,80})(\s+|$)/, '$1\n').trim()
    }

    /** End the running macro without a dialog, as cancelling a dialog does. */
    private static void endMacro() {
        def running = Interpreter.instance
        if (running == null) return
        Thread.startDaemon("AUTO-DIP-End-Of-Macro") { running.abortMacro() }  // it waits for this command
        for (int k = 0; k < 100 && !running.done(); k++) Thread.sleep(10)
    }

    // ---- the caller

    private static String macroLine() {
        (IJ.isMacro() ? Macro.options : null) ?: ""
    }

    private static boolean usable(imp) {
        imp instanceof ImagePlus && imp.width > 0 && imp.getProcessor() != null
    }

    /** The image for a command: the one passed to it, or the current one of its caller. */
    private ImagePlus image() {
        def given = binding.variables.get("imp")
        if (usable(given) && !given.is(WindowManager.currentImage)) return given
        def threads = callers().toList()
        if (threads) WindowManager.setTempCurrentImage(null)
        for (thread in threads) {
            def imp = imageOf(thread)
            if (usable(imp)) return imp
        }
        usable(WindowManager.currentImage) ? WindowManager.currentImage : null
    }

    /** The threads that wait for this one, nearest first; SciJava runs a script in a thread of its pool. */
    private Iterator<Thread> callers() {
        def threads = tasks.context().getService(ThreadService), seen = [] as Set
        def found = []
        for (def thread = threads.getParent(null); thread != null && seen.add(thread); thread = threads.getParent(thread))
            found << thread
        found.iterator()
    }

    /** The current image of another thread, which ImageJ keeps private. */
    private static Object imageOf(Thread thread) {
        try {
            def table = WindowManager.getDeclaredField("tempImageTable")
            table.accessible = true
            return table.get(null).get(thread)
        } catch (ReflectiveOperationException elsewhere) {
            return null
        }
    }

    // ---- what AUTO-DIP Settings... stores

    private Map<String, String> stored() {
        def prefs = tasks.context().getService(PrefService)
        STORED.collectEntries { [it, prefs?.get((Class) null, "autodip.${it}".toString())] }
    }

    private void forget(names) {
        def prefs = tasks.context().getService(PrefService)
        names.each { prefs?.remove((Class) null, "autodip.${it}".toString()) }
    }
}
