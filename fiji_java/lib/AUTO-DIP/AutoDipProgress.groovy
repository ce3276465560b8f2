import ij.IJ
import ij.ImagePlus
import ij.WindowManager
import ij.gui.GUI
import ij.gui.ImageCanvas
import ij.process.FloatProcessor
import java.awt.BorderLayout
import java.awt.GraphicsEnvironment
import java.awt.GridLayout
import java.awt.Panel
import javax.swing.JFrame
import javax.swing.JLabel
import javax.swing.JPanel
import javax.swing.JToggleButton
import javax.swing.SwingConstants

/** Progress of a run in Fiji: a SciJava task with a cancel button, status line, Log, Esc, and the live preview. */
class AutoDipProgress implements AutoCloseable {
    static final int PREVIEW_MS = 1000, SHOW_MS = 200, TICK_MS = 1000, SECOND_REQUEST_MS = 1000
    static final int LARGEST_SIDE = 512, LEAST_WIDTH = 360, LINE_LETTERS = 42

    /** What the first cancellation does, "discard" or "keep"; a second one always discards. */
    String onStop = "discard"
    /** Title of the image whose planes are to be previewed; null for no previews. */
    String previewed
    private final task
    private final long began = now()
    private String title = "", request = "no"
    private int total = 0, done = 0
    private long firstAt = -1, shown = -SHOW_MS, lastPreview = -PREVIEW_MS, requestedAt = Long.MAX_VALUE
    private int firstDone = 0
    private boolean cancelSeen = false
    private JFrame frame
    private ImageCanvas canvas
    private ImagePlus picture
    private JToggleButton button
    private List<JLabel> lines
    private String words = ""

    AutoDipProgress(tasks) {
        IJ.resetEscape()
        task = tasks.createTask("AUTO-DIP")
        task.statusMessage = "AUTO-DIP"  // visible and cancellable from the click on
        task.start()
    }

    static long now() {
        System.nanoTime().intdiv(1000000)
    }

    static boolean hasWindow() {
        !GraphicsEnvironment.isHeadless() && IJ.getInstance() != null
    }

    static void status(String message) {
        if (hasWindow()) IJ.showStatus(message)
    }

    /** Write to the Log; the worker has wrapped its messages already. */
    static void log(String message) {
        def text = message.startsWith("AUTO-DIP:") ? message : "AUTO-DIP: ${message}"
        boolean opens = hasWindow() && WindowManager.getWindow("Log") == null
        text.readLines().collectMany { wrapped(it) }.each { IJ.log(it) }
        if (opens) placeLog()
    }

    /** A line as lines that fit into the Log at its initial size, as autodip_ij.fiji.commands.text.log_lines makes them. */
    private static List<String> wrapped(String line) {
        if (!hasWindow() || line.length() <= LINE_LETTERS) return [line]
        line.replaceAll("(.{1,${LINE_LETTERS - 4}})(\\s+|\$)", "\$1\n    ").readLines()*.stripTrailing().findAll()
    }

    /** Move the Log, which ImageJ opens in the middle of the screen, off the image: below it or into the corner. */
    private static void placeLog() {
        def log = WindowManager.getWindow("Log"), image = WindowManager.currentWindow
        if (log == null || image == null || !log.bounds.intersects(image.bounds)) return
        def free = GUI.getMaxWindowBounds(image), taken = image.bounds
        int x = taken.@x, y = taken.@y + taken.@height  // the fields: the getters are of doubles
        if (y + log.height > free.@y + free.@height) {
            x = free.@x + free.@width - log.width
            y = free.@y + free.@height - log.height
        }
        log.setLocation(x, y)
    }

    void start(int steps, String message) {
        (total, done, title, firstAt) = [steps, 0, message, -1L]
        task.progressMaximum = steps
        show()
    }

    void advance(int steps, String message) {
        done += steps
        if (firstAt < 0) (firstAt, firstDone) = [now(), done]
        if (message) title = message
        if (now() - shown >= SHOW_MS) show()
    }

    private void show() {
        shown = now()
        task.progressValue = done
        task.statusMessage = title + times()
        status(title + times())
        if (frame) label()
    }

    /** The time since the click and, from the pace between steps, that of the remaining steps. */
    String times() {
        def elapsed = ", ${duration((now() - began) / 1000.0d)}"
        if (firstAt < 0 || !(firstDone < done && done <= total)) return elapsed
        "${elapsed}, about ${duration((now() - firstAt) / 1000.0d * (total - done) / (done - firstDone))} left"
    }

    static String duration(double seconds) {
        int whole = Math.max(1, (int) Math.rint(seconds))
        if (whole < 60) return "${whole} s"
        whole < 3600 ? "${whole.intdiv(60)} min ${whole % 60} s"
                : "${whole.intdiv(3600)} h ${(int) Math.rint((whole % 3600) / 60.0d)} min"
    }

    boolean wantsPreview() {
        previewed != null && now() - lastPreview >= PREVIEW_MS && (frame == null || frame.visible)
    }

    /** Show a plane, scaled from its 0.1 to its 99.9 percentile. */
    void preview(float[] plane, List<Integer> shape, String title) {
        lastPreview = now()
        words = title - "${previewed}, "
        def processor = new FloatProcessor(shape[1], shape[0], plane)
        if (picture == null) picture = new ImagePlus(previewed, processor) else picture.processor = processor
        float[] sorted = AutoDipImage.finite(plane)
        if (sorted.length) {
            float low = sorted[(int) (0.001 * (sorted.length - 1))], high = sorted[(int) (0.999 * (sorted.length - 1))]
            picture.setDisplayRange(low, high > low ? high : low + 1)
        }
        if (frame == null) open()
        canvas.setImageUpdated()
        canvas.repaint()
        label()
    }

    private void open() {
        frame = new JFrame(previewed)
        frame.autoRequestFocus = false
        frame.focusableWindowState = false
        frame.defaultCloseOperation = JFrame.HIDE_ON_CLOSE
        canvas = new ImageCanvas(picture)
        double scale = Math.min(1.0d, LARGEST_SIDE / (double) Math.max(picture.width, picture.height))
        canvas.magnification = scale
        canvas.setSize(Math.max(1, (int) (picture.width * scale)), Math.max(1, (int) (picture.height * scale)))
        def panel = new Panel()
        panel.add(canvas)
        button = new JToggleButton("Stop and keep the result so far")
        lines = [new JLabel(" ", SwingConstants.CENTER), new JLabel(" ", SwingConstants.CENTER)]
        def below = new JPanel(new GridLayout(0, 1))
        [*lines, button].each { below.add(it) }
        frame.contentPane.add(panel, BorderLayout.CENTER)
        frame.contentPane.add(below, BorderLayout.SOUTH)
        frame.pack()
        frame.setSize(Math.max(LEAST_WIDTH, frame.width), frame.height)
        frame.locationByPlatform = true
        frame.visible = true
    }

    private void label() {
        frame.title = "${previewed}, ${words}${times()}"
        lines[0].text = words
        lines[1].text = times() - ", "
    }

    /** The user's request, "no", "keep" or "discard": from the task's cancel button, Esc, or the preview's button. */
    String stopRequest() {
        if (title && now() - shown >= TICK_MS) show()
        def asked = asked()
        if (asked != "no") {
            boolean again = now() - requestedAt >= SECOND_REQUEST_MS
            if (request == "no") {
                (request, requestedAt) = [asked, now()]
                status("AUTO-DIP: stopping ...")
            } else if (again) request = "discard"
        }
        request
    }

    private String asked() {
        if (IJ.escapePressed()) {
            IJ.resetEscape()
            return onStop
        }
        if (!cancelSeen && task.canceled) {
            cancelSeen = true
            return onStop
        }
        request == "no" && button?.selected ? "keep" : "no"
    }

    void close() {
        task.finish()
        frame?.dispose()
        status("")
    }
}
