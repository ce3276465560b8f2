import ij.IJ
import java.awt.GraphicsEnvironment
import java.nio.file.Files
import java.nio.file.Path
import java.nio.file.StandardCopyOption
import java.util.zip.ZipEntry
import java.util.zip.ZipOutputStream
import org.codehaus.groovy.control.CompilationUnit
import org.codehaus.groovy.control.CompilerConfiguration
import org.codehaus.groovy.control.Phases

/** Compiles the library for AutoDipLibrary, and keeps the classes for later sessions. */
class AutoDipCompiler {
    private static final List<String> NOT_COMPILED = ["AutoDipLibrary.groovy", "AutoDipCompiler.groovy"]

    /** Return the classes by name, and keep them in a file if it can be written; null without Appose, which they need. */
    static Map<String, byte[]> compile(File folder, File kept) {
        try {
            Class.forName("org.apposed.appose.Service", false, AutoDipLibrary.classLoader)
        } catch (ClassNotFoundException missing) {
            return null
        }
        IJ.showStatus("AUTO-DIP: compiling its commands, once after an installation or update ...")
        def classes = classesOf(folder.listFiles().findAll { it.name.endsWith(".groovy") && !(it.name in NOT_COMPILED) })
        write(kept.toPath(), classes)
        classes
    }

    private static Map<String, byte[]> classesOf(List<File> sources) {
        def unit = new CompilationUnit(new CompilerConfiguration(), null, new GroovyClassLoader(AutoDipLibrary.classLoader))
        sources.each { unit.addSource(it) }
        unit.compile(Phases.CLASS_GENERATION)
        unit.classes.collectEntries { [it.name, it.bytes] }
    }

    /** Stands in for AutoDIP.command: say, once, what is missing, and open no dialog. */
    static Object command(String entry, Binding binding) {
        def module = binding.getVariable("org.scijava.script.ScriptModule")
        module.info.inputs().each { module.resolveInput(it.name) }
        if (!binding.hasVariable("autodip_refused")) {
            binding.setVariable("autodip_refused", true)
            IJ.log("AUTO-DIP: ${AutoDipLibrary.NO_APPOSE}")
            if (!GraphicsEnvironment.isHeadless()) IJ.error("AUTO-DIP", AutoDipLibrary.NO_APPOSE)
        }
        null
    }

    /** A reader sees the whole file or none; what cannot be written is compiled again by the next session. */
    private static void write(Path kept, Map<String, byte[]> classes) {
        Path made = null
        try {
            Files.createDirectories(kept.parent)
            made = Files.createTempFile(kept.parent, "making-", ".tmp")
            new ZipOutputStream(Files.newOutputStream(made)).withCloseable { zip ->
                (classes + [(AutoDipLibrary.END): new byte[0]]).each { name, bytes ->
                    zip.putNextEntry(new ZipEntry(name))
                    zip.write(bytes)
                }
            }
            Files.move(made, kept, StandardCopyOption.ATOMIC_MOVE)
        } catch (IOException unwritable) {
            if (made != null) Files.deleteIfExists(made)
        }
    }
}
