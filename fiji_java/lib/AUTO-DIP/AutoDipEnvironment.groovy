import groovy.json.JsonSlurper

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

    final File folder

    AutoDipEnvironment(File folder) {
        this.folder = folder
    }

    /** The folder in which Appose keeps environments. */
    static File base() {
        def given = System.getProperty("appose.envs-dir") ?: System.getenv("APPOSE_ENVS_DIR")
        given ? new File(given) : new File(System.getProperty("user.home"), ".local/share/appose")
    }

    /** The file in whose first line a folder chosen by the user is noted. */
    static File chosen() {
        new File(base(), "autodip.path")
    }

    static AutoDipEnvironment find() {
        def given = System.getProperty("autodip.environment") ?: System.getenv("AUTODIP_ENVIRONMENT")
        if (!given && chosen().isFile()) given = chosen().readLines("UTF-8").find()?.trim()
        new AutoDipEnvironment(given ? new File(given) : new File(base(), "autodip"))
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

    /** What prevents a run, with the remedy; null if nothing does. */
    String problem(File library) {
        if (!folder.isDirectory()) return "the Python environment of AUTO-DIP is missing; ${SET_UP}"
        def noted = state()
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
