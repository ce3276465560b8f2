import groovy.json.JsonSlurper
import java.nio.channels.FileChannel
import java.nio.file.StandardOpenOption
import java.util.concurrent.atomic.AtomicBoolean

/**
 * The Python environment of the worker on this computer, and the files that Fiji has for it.
 *
 * "AUTO-DIP Set Up..." builds it; autodip_ij.fiji.install.place reads the same files.
 */
class AutoDipEnvironment {
    static final String SET_UP = "choose Plugins > AUTO-DIP > AUTO-DIP Set Up..."
    /** Written last, once the worker has answered: an environment without it is incomplete. */
    static final String STATE = "autodip-environment.json"
    static final List<String> PROGRAMS = [".venv/bin/python", ".venv/Scripts/python.exe",
                                          ".pixi/envs/default/bin/python", ".pixi/envs/default/python.exe",
                                          "bin/python", "Scripts/python.exe"]

    static final String BEING_SET_UP = "AUTO-DIP is being set up; wait until that has finished"
    private static final AtomicBoolean LOCKED_HERE = new AtomicBoolean()

    final File folder

    AutoDipEnvironment(File folder) {
        this.folder = folder
    }

    /** The file in whose first line a folder chosen by the user is noted. */
    static File chosen() {
        new File(AutoDipLibrary.base(), "autodip.path")
    }

    static AutoDipEnvironment find() {
        def given = System.getProperty("autodip.environment") ?: System.getenv("AUTODIP_ENVIRONMENT")
        if (!given && chosen().isFile()) given = chosen().readLines("UTF-8").find()?.trim()
        new AutoDipEnvironment(given ? new File(given) : new File(AutoDipLibrary.base(), "autodip"))
    }

    /** What the files of this Fiji need; null where they were not unzipped or installed. */
    static Map manifest(File library) {
        def file = new File(library, "manifest.json")
        file.isFile() ? (Map) new JsonSlurper().parse(file, "UTF-8") : null
    }

    File python() {
        PROGRAMS.collect { new File(folder, it) }.find { it.isFile() }
    }

    /** What Set Up noted of the complete environment; null if it is incomplete. */
    Map state() {
        def file = new File(folder, STATE)
        try {
            return file.isFile() ? (Map) new JsonSlurper().parse(file, "UTF-8") : null
        } catch (Exception unreadable) {
            return null
        }
    }

    /**
     * Do something while no other Fiji and no other command of this one does.
     *
     * Java gives a lock back when any channel to the file is closed: this Fiji must not open it twice.
     */
    Object locked(Closure action) {
        if (!LOCKED_HERE.compareAndSet(false, true)) throw new AutoDipWorker.Failure(BEING_SET_UP)
        try {
            def file = new File("${folder.absolutePath}.lock")
            file.parentFile.mkdirs()
            FileChannel.open(file.toPath(), StandardOpenOption.CREATE, StandardOpenOption.WRITE).withCloseable {
                if (it.tryLock() == null) throw new AutoDipWorker.Failure(BEING_SET_UP)
                action()
            }
        } finally {
            LOCKED_HERE.set(false)
        }
    }

    private boolean isBeingSetUp() {
        if (!new File("${folder.absolutePath}.lock").isFile()) return false
        try {
            locked { }
            return false
        } catch (AutoDipWorker.Failure busy) {
            return true
        } catch (IOException unwritable) {  // an environment for all users
            return false
        }
    }

    /** What prevents a run, with the remedy; null if nothing does. */
    String problem(File library) {
        def noted = state()
        if (noted == null && isBeingSetUp()) return BEING_SET_UP
        if (!folder.isDirectory()) return "the Python environment of AUTO-DIP is missing; ${SET_UP}"
        if (noted == null || python() == null)
            return "the Python environment of AUTO-DIP in ${folder} is incomplete; ${SET_UP}"
        def here = manifest(library)
        def wheel = here?.files?.get(here?.wheel)
        if (wheel && noted.wheel_sha256 != wheel)
            return "the Python environment of AUTO-DIP has version ${noted.version}, this Fiji has ${here.version}; " +
                    "${SET_UP} to update it"
        null
    }
}
