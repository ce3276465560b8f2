import groovy.json.JsonOutput
import java.nio.file.Files
import java.nio.file.StandardCopyOption
import java.util.concurrent.TimeUnit
import org.apposed.appose.Appose

/** AUTO-DIP Set Up...: builds, updates, repairs, moves and removes the Python environment of the worker. */
class AutoDipSetUp {
    static final String REPAIR = "Repair: delete it and build it anew", REMOVE = "Remove it",
                        REMOVE_ALL = "Remove it, and AUTO-DIP from this Fiji"
    private static final String AUTO = "Auto"

    private final File library
    private final AutoDipProgress progress
    private final List<String> lastLines = [].asSynchronized()

    AutoDipSetUp(File library, AutoDipProgress progress) {
        this.library = library
        this.progress = progress
    }

    /** "cuda" where an NVIDIA driver is, "macos" or "cpu". */
    static String fittingVariant() {
        def system = System.getProperty("os.name").toLowerCase()
        if (system.contains("mac")) return "macos"
        def windows = new File(System.getenv("SystemRoot") ?: "C:\\Windows", "System32/nvcuda.dll")
        if (system.contains("windows") ? windows.isFile() : new File("/proc/driver/nvidia/version").isFile()) return "cuda"
        "cpu"
    }

    /** What the dialog says: the state, and what a click on OK will cost. */
    static List<String> note(File library) {
        def environment = AutoDipEnvironment.find()
        def problem = environment.problem(library)
        def state = problem == null ? "It is complete: version ${environment.state().version}, " +
                "${environment.state().variant}, ${gigabytes(size(environment.folder))} GB." : "It is not ready yet."
        def variants = AutoDipEnvironment.manifest(library)?.environments ?: [:]
        def costs = variants.findAll { name, cost -> cost.minutes && (name == "macos") == (fittingVariant() == "macos") }
                .collect { name, cost ->
                    "${name.toUpperCase()}: downloads ${cost.download_gb} GB, takes ${cost.disk_gb} GB on disk and about " +
                            "${cost.minutes} min."
                }
        ["AUTO-DIP computes in a Python environment of its own, which this command builds.", state, *costs,
         "Auto is ${fittingVariant().toUpperCase()} on this computer. Nothing is downloaded before you press OK."]*.toString()
    }

    /** Carry out the chosen action and return one line that says what was done. */
    String run(Map values) {
        def here = AutoDipEnvironment.find()
        if (values.action == REMOVE) return here.locked { remove(here) }
        if (values.action == REMOVE_ALL) return here.locked { "${remove(here)}; ${removeFiles()}" }
        def manifest = AutoDipEnvironment.manifest(library)
        if (manifest == null)
            throw new AutoDipWorker.Failure("the files of AUTO-DIP in this Fiji are incomplete (${library}/manifest.json is " +
                    "missing); unzip AUTO-DIP into the folder of Fiji again")
        removeScriptsOfPythonMode()
        def chosen = values.folder?.trim() ? new AutoDipEnvironment(new File(values.folder.trim()).absoluteFile) : here
        chosen.locked {
            def done = build(chosen, manifest, values)
            if (chosen.folder != here.folder.absoluteFile) {
                AutoDipLibrary.base().mkdirs()
                AutoDipEnvironment.chosen().setText(chosen.folder.path + "\n", "UTF-8")
                if (here.state() != null) delete(here.folder)
            }
            done
        }
    }

    private String build(AutoDipEnvironment environment, Map manifest, Map values) {
        def folder = environment.folder
        def wheels = values.wheels?.trim()
        def name = values.variant?.trim() ?: AUTO
        def variant = name.toLowerCase().startsWith("auto") ? fittingVariant() : name.toLowerCase().split(/\W/)[0]
        def described = manifest.environments[wheels ? "offline" : variant]
        if (described == null)
            throw new AutoDipWorker.Failure("variant: '${name}' is not possible; choose ${manifest.environments.keySet().join(', ')}")
        if (folder.list() && !isOurs(environment))
            throw new AutoDipWorker.Failure("${folder} holds other files; choose an empty or a new folder")
        if (wheels && !new File(wheels).isDirectory()) throw new AutoDipWorker.Failure("${wheels}: no such folder of wheels")
        def needed = manifest.environments[variant]?.disk_gb ?: 0
        def known = environment.state()
        def free = existing(folder).usableSpace / 1e9
        if (known == null && free < needed)
            throw new AutoDipWorker.Failure("${folder} has ${free.round(1)} GB free, ${needed} GB are needed; make room, or " +
                    "choose another folder")
        def wheel = manifest.files[manifest.wheel]
        if (wheels || values.action == REPAIR || (known != null && (known.variant != variant))) delete(folder)
        else if (known?.wheel_sha256 != wheel)  // uv takes a wheel of the same version with other content for damaged
            ["appose.json", "uv.lock"].each { new File(folder, it).delete() }
        boolean anew = environment.state() == null
        new File(folder, AutoDipEnvironment.STATE).delete()
        if (!wheels) {
            folder.mkdirs()
            def source = new File(library.parentFile.parentFile, manifest.wheel)
            Files.copy(source.toPath(), new File(folder, source.name).toPath(), StandardCopyOption.REPLACE_EXISTING)
        }
        def text = new File(library.parentFile.parentFile, described.uv)
        try {
            runBuilder(builder(folder, text, wheels), folder, needed)
        } catch (AutoDipWorker.Failure failure) {
            if (failure.cancelled && anew) delete(folder)
            throw failure
        }
        if (environment.python() == null)
            throw new AutoDipWorker.Failure("${folder} has no Python program after the build; ${AutoDipEnvironment.SET_UP} and repair")
        probe(environment)
        new File(folder, AutoDipEnvironment.STATE).setText(JsonOutput.toJson([
                version: manifest.version, variant: wheels ? "offline" : variant, builder: "uv",
                python: environment.python().absolutePath, wheel_sha256: wheel]) + "\n", "UTF-8")
        "the Python environment of AUTO-DIP is complete: ${folder}, ${gigabytes(size(folder))} GB"
    }

    private Object builder(File folder, File text, String wheels) {
        if (!System.getProperty("appose.envs-dir"))
            System.setProperty("appose.envs-dir", AutoDipLibrary.base().absolutePath)  // where uv itself is kept
        def made = Appose.uv().content(text.getText("UTF-8")).scheme(text.name).base(folder)
        def proxy = System.getProperty("https.proxyHost") ?: System.getProperty("http.proxyHost")
        if (proxy && !System.getenv("HTTPS_PROXY")) {
            def port = System.getProperty("https.proxyPort") ?: System.getProperty("http.proxyPort") ?: "80"
            made.env("HTTPS_PROXY", "http://${proxy}:${port}".toString())
        }
        if (wheels) {
            made.env("UV_OFFLINE", "1")
            made.env("UV_FIND_LINKS", "${library.path},${wheels}".toString())
        }
        made.subscribeOutput { hear(it) }
        made.subscribeError { hear(it) }
        made.subscribeProgress { title, current, maximum -> hear(title) }
        made
    }

    private void hear(String text) {
        text.readLines().findAll { it.trim() }.each { lastLines << it.trim() }
        while (lastLines.size() > 20) lastLines.remove(0)
    }

    /** Run the builder in a thread of its own; an interrupt of it ends uv. */
    private void runBuilder(builder, File folder, double gigabytesNeeded) {
        def failed = null
        def building = Thread.startDaemon("AUTO-DIP-Set-Up") {
            try {
                builder.build()
            } catch (Throwable problem) {
                failed = problem
            }
        }
        int percent = 0
        progress.start(100, "Building the Python environment")
        while (building.alive) {
            if (progress.stopRequest() != "no") {
                building.interrupt()
                building.join(30000)
                endBuilder()
                throw AutoDipWorker.cancelled("cancelled; what was downloaded is kept for the next Set Up")
            }
            building.join(1000)
            int now = gigabytesNeeded ? Math.min(99, (int) (100 * size(folder) / 1e9 / gigabytesNeeded)) : 0
            progress.advance(Math.max(0, now - percent), lastLines ? lastLines[-1].take(80) : null)
            percent = Math.max(percent, now)
        }
        if (failed == null) return
        def cause = failed
        while (cause.cause != null && cause.cause != cause) cause = cause.cause
        def failure = new AutoDipWorker.Failure("the Python environment of AUTO-DIP could not be built: " +
                "${lastLines ? lastLines[-1] : cause.message}. Check the network (a proxy: Edit > Options > Proxy Settings...) " +
                "and choose Set Up again, or give it a folder of wheels")
        failure.details = lastLines.toList() + [cause.toString()]
        throw failure
    }

    /** Wait for the end of uv, whose files are to be deleted; Appose ends it soon after the thread that waited for it. */
    private static void endBuilder() {
        def place = new File(AutoDipLibrary.base(), ".uv").path
        def ours = { ProcessHandle it -> "${it.info().command().orElse('')} ${it.info().commandLine().orElse('')}".contains(place) }
        ProcessHandle.current().children().toList().findAll(ours).each { uv ->
            (uv.descendants().toList() + uv).each { it.destroyForcibly() }
            uv.onExit().get(10, TimeUnit.SECONDS)
        }
    }

    /** Ask the worker of the new environment once; an environment whose worker does not answer is not complete. */
    private void probe(AutoDipEnvironment environment) {
        def worker = new AutoDipWorker(library, environment)
        try {
            new AutoDipWorker.Arrays().withCloseable {
                worker.ask("run", [entry: "settings", job: "autodip_ij.fiji.worker.jobs:probe", request: [:], chosen: [:],
                                   window: AutoDipProgress.hasWindow()], it, progress)
            }
        } finally {
            worker.release()
        }
    }

    private String remove(AutoDipEnvironment environment) {
        def folder = environment.folder
        if (!isOurs(environment)) return "there is no Python environment of AUTO-DIP in ${folder}"
        def freed = gigabytes(size(folder))
        progress.start(0, "Removing ${folder}")
        delete(folder)
        AutoDipEnvironment.chosen().delete()
        delete(AutoDipLibrary.cache())
        "the Python environment of AUTO-DIP was removed: ${folder}, ${freed} GB"
    }

    /** Delete the files of this Fiji that the manifest names, except those changed since, and emptied folders. */
    private String removeFiles() {
        def manifest = AutoDipEnvironment.manifest(library)
        if (manifest == null) return "the files of AUTO-DIP have no manifest.json and stay"
        def root = library.parentFile.parentFile
        def there = manifest.files.findAll { path, sum -> new File(root, path).isFile() }
        def (same, changed) = there.keySet().split { new File(root, it).bytes.digest("SHA-256") == manifest.files[it] }
        same.each { path ->
            if (new File(root, path).delete()) return
            def mark = new File(root, "update/${path}")  // Windows keeps a loaded jar; Fiji deletes it at its next start
            mark.parentFile.mkdirs()
            mark.bytes = new byte[0]
        }
        new File(library, "manifest.json").delete()
        manifest.folders.reverse().each { new File(root, it).with { if (it.isDirectory() && !it.list()) it.delete() } }
        "${same.size()} files were removed; restart Fiji" + (changed ? "; these were changed and stay: ${changed.join(', ')}" : "")
    }

    /** Whether a folder is an environment of AUTO-DIP, perhaps half-built, so that it may be deleted. */
    private static boolean isOurs(AutoDipEnvironment environment) {
        def says = { name, word -> new File(environment.folder, name).with { it.isFile() && it.getText("UTF-8").contains(word) } }
        environment.state() != null || says("pyproject.toml", "autodip-environment") || says("requirements.txt", "autodip_ij") ||
                (environment.folder.name == "autodip" && new File(environment.folder, "pyvenv.cfg").isFile())
    }

    /** A zip unpacked over the scripts of Python mode leaves two scripts for each command, of which either may run. */
    private void removeScriptsOfPythonMode() {
        def here = new File(library.parentFile.parentFile, "scripts/Plugins/AUTO-DIP")
        def ours = { it.name.endsWith(".py") && it.getText("UTF-8").contains("autodip_ij.fiji.commands.bridge") }
        here.listFiles()?.findAll(ours)?.each { it.delete() }
    }

    private static void delete(File folder) {
        if (folder.isDirectory() && !folder.deleteDir())
            throw new AutoDipWorker.Failure("${folder} cannot be deleted; close other Fijis that use it and try again")
    }

    private static File existing(File folder) {
        def found = folder.absoluteFile
        while (!found.exists()) found = found.parentFile
        found
    }

    /** Bytes in a folder; files that vanish meanwhile do not count. */
    static long size(File folder) {
        long total = 0
        if (!folder.isDirectory()) return 0
        Files.walkFileTree(folder.toPath(), new java.nio.file.SimpleFileVisitor<java.nio.file.Path>() {
            java.nio.file.FileVisitResult visitFile(java.nio.file.Path path, java.nio.file.attribute.BasicFileAttributes known) {
                total += known.size()
                java.nio.file.FileVisitResult.CONTINUE
            }

            java.nio.file.FileVisitResult visitFileFailed(java.nio.file.Path path, IOException vanished) {
                java.nio.file.FileVisitResult.CONTINUE
            }

            java.nio.file.FileVisitResult postVisitDirectory(java.nio.file.Path path, IOException vanished) {
                java.nio.file.FileVisitResult.CONTINUE
            }
        })
        total
    }

    private static String gigabytes(long bytes) {
        String.format(Locale.ROOT, "%.1f", bytes / 1e9d)
    }
}
