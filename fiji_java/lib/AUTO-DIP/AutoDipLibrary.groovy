import groovy.transform.CompileStatic
import ij.IJ
import java.awt.GraphicsEnvironment
import java.nio.file.Files
import java.nio.file.Path
import java.nio.file.StandardCopyOption
import java.util.zip.ZipEntry
import java.util.zip.ZipInputStream
import java.util.zip.ZipOutputStream
import org.codehaus.groovy.control.CompilationUnit
import org.codehaus.groovy.control.CompilerConfiguration
import org.codehaus.groovy.control.Phases

/**
 * Loads the library of the commands, which takes Groovy many seconds to compile: once for all sessions and Fijis.
 *
 * Only this file is compiled in each session. The classes of the others are kept in the home of the user, under a name
 * made of their sources, Groovy and Java: one made for other sources is never found, and needs no check of its age.
 */
class AutoDipLibrary extends ClassLoader {
    static final String NO_APPOSE = "this Fiji lacks Appose 0.9 or newer, with which AUTO-DIP starts its worker; " +
            "choose Help > Update..., then restart Fiji"
    private static final String OWN = "AutoDipLibrary.groovy"
    /** The folder of the library in this Fiji. */
    static File folder
    private static Class main
    /** The last entry of a whole file. */
    private static final String END = "end"

    private final Map<String, byte[]> classes

    private AutoDipLibrary(Map<String, byte[]> classes) {
        super(AutoDipLibrary.classLoader)
        this.classes = classes
    }

    @CompileStatic
    protected Class<?> findClass(String name) throws ClassNotFoundException {
        byte[] found = classes[name]
        if (found == null) throw new ClassNotFoundException(name)
        defineClass(name, found, 0, found.length)
    }

    /** Prepare or run a command, as AutoDIP.command does; without Appose, which its classes need, say so once. */
    static Object command(String entry, Binding binding) {
        try {
            Class.forName("org.apposed.appose.Service", false, AutoDipLibrary.classLoader)
        } catch (ClassNotFoundException missing) {
            return refuse(binding)
        }
        loaded().command(entry, binding)
    }

    private static synchronized Class loaded() {
        if (main == null) {
            def kept = new File(cache(), "${key()}.zip").toPath()
            def classes = read(kept)
            if (!classes) {
                IJ.showStatus("AUTO-DIP: compiling its commands, once after an installation or update ...")
                classes = compile()
                write(kept, classes)
            }
            main = new AutoDipLibrary(classes).loadClass("AutoDIP")
        }
        main
    }

    private static Object refuse(Binding binding) {
        def module = binding.getVariable("org.scijava.script.ScriptModule")
        module.info.inputs().each { module.resolveInput(it.name) }  // no dialog
        if (!binding.hasVariable("autodip_refused")) {
            binding.setVariable("autodip_refused", true)
            IJ.log("AUTO-DIP: ${NO_APPOSE}")
            if (!GraphicsEnvironment.isHeadless()) IJ.error("AUTO-DIP", NO_APPOSE)
        }
        null
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

    private static List<File> sources() {
        folder.listFiles().findAll { it.name.endsWith(".groovy") }.sort { it.name }
    }

    private static String key() {
        def digest = java.security.MessageDigest.getInstance("SHA-256")
        sources().each { digest.update(it.bytes) }
        digest.update("${GroovySystem.version} ${System.getProperty("java.version")}".getBytes("UTF-8"))
        digest.digest().encodeHex().toString().take(32)
    }

    private static Map<String, byte[]> compile() {
        def unit = new CompilationUnit(new CompilerConfiguration(), null, new GroovyClassLoader(AutoDipLibrary.classLoader))
        sources().findAll { it.name != OWN }.each { unit.addSource(it) }
        unit.compile(Phases.CLASS_GENERATION)
        unit.classes.collectEntries { [it.name, it.bytes] }
    }

    /** The classes of a file; none if it is missing or damaged. */
    private static Map<String, byte[]> read(Path kept) {
        Map<String, byte[]> found = [:]
        try {
            new ZipInputStream(Files.newInputStream(kept)).withCloseable { zip ->
                for (def entry = zip.nextEntry; entry != null; entry = zip.nextEntry) found[entry.name] = zip.readAllBytes()
            }
        } catch (IOException damaged) {
            return [:]
        }
        found.remove(END) != null ? found : [:]
    }

    /** Keep the classes, if the folder can be written; a reader sees the whole file or none. */
    private static void write(Path kept, Map<String, byte[]> classes) {
        Path made = null
        try {
            Files.createDirectories(kept.parent)
            made = Files.createTempFile(kept.parent, "making-", ".tmp")
            new ZipOutputStream(Files.newOutputStream(made)).withCloseable { zip ->
                (classes + [(END): new byte[0]]).each { name, bytes ->
                    zip.putNextEntry(new ZipEntry(name))
                    zip.write(bytes)
                }
            }
            Files.move(made, kept, StandardCopyOption.ATOMIC_MOVE)
        } catch (IOException unwritable) {  // compiled again in the next session
            if (made != null) Files.deleteIfExists(made)
        }
    }
}
