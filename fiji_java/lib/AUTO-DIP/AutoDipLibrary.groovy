import java.util.zip.ZipInputStream

/**
 * Loads the library of the commands, which takes Groovy many seconds to compile: once for all sessions and Fijis.
 *
 * Only this file is compiled in each session, and kept short and plain for that. The classes of the others are kept in
 * the home of the user, under a name made of their sources, Groovy and Java: one made for other sources is never found,
 * and needs no check of its age.
 */
class AutoDipLibrary extends ClassLoader {
    static final String NO_APPOSE = "this Fiji lacks Appose 0.9 or newer, with which AUTO-DIP starts its worker; " +
            "choose Help > Update..., then restart Fiji"
    /** The last entry of a whole file. */
    static final String END = "end"
    /** The folder of the library in this Fiji. */
    static File folder
    private static Class commands

    private final Map classes

    AutoDipLibrary(Map classes) {
        super(AutoDipLibrary.classLoader)
        this.classes = classes
    }

    protected Class findClass(String name) throws ClassNotFoundException {
        byte[] found = classes.get(name)
        if (found == null) throw new ClassNotFoundException(name)
        defineClass(name, found, 0, found.length)
    }

    /** Prepare or run a command, as AutoDIP.command does. */
    static Object command(String entry, Binding binding) {
        loaded().command(entry, binding)
    }

    private static synchronized Class loaded() {
        if (commands == null) {
            def kept = new File(cache(), key() + ".zip")
            def classes = read(kept)
            if (classes == null) {
                def here = new GroovyClassLoader(AutoDipLibrary.classLoader)
                def compiler = here.parseClass(new File(folder, "AutoDipCompiler.groovy"))
                classes = compiler.compile(folder, kept)
                if (classes == null) return compiler  // says why
            }
            commands = new AutoDipLibrary(classes).loadClass("AutoDIP")
        }
        commands
    }

    /** The folder in which Appose keeps environments. */
    static File base() {
        def given = System.getProperty("appose.envs-dir") ?: System.getenv("APPOSE_ENVS_DIR")
        given ? new File(given) : new File(System.getProperty("user.home"), ".local/share/appose")
    }

    /** The folder of the compiled classes. */
    static File cache() {
        def given = System.getProperty("autodip.classes")
        given ? new File(given) : new File(base(), "autodip-classes")
    }

    private static String key() {
        def digest = java.security.MessageDigest.getInstance("SHA-256")
        for (String name : folder.list().sort()) if (name.endsWith(".groovy")) digest.update(new File(folder, name).bytes)
        digest.update((GroovySystem.version + " " + System.getProperty("java.version")).bytes)
        digest.digest().encodeHex().toString().substring(0, 32)
    }

    /** The classes of a file by name; null if it is missing or damaged. */
    private static Map read(File kept) {
        def found = [:]
        try {
            def zip = new ZipInputStream(new FileInputStream(kept))
            try {
                for (def entry = zip.nextEntry; entry != null; entry = zip.nextEntry) found.put(entry.name, zip.readAllBytes())
            } finally {
                zip.close()
            }
        } catch (IOException damaged) {
            return null
        }
        found.remove(END) == null ? null : found
    }
}
