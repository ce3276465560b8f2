import groovy.json.JsonOutput
import groovy.json.JsonSlurper
import java.awt.GraphicsEnvironment
import java.nio.ByteOrder
import java.util.concurrent.LinkedBlockingDeque
import java.util.concurrent.Semaphore
import java.util.concurrent.TimeUnit
import org.apposed.appose.NDArray
import org.apposed.appose.Service
import org.apposed.appose.SharedMemory

/**
 * The worker process and its queue of callers: jobs of autodip_ij.fiji.java.front, planes in shared memory.
 *
 * Appose starts and ends the process and carries the messages; autodip_ij.fiji.worker.process is its other end.
 */
class AutoDipWorker {
    static final int GRACE_MS = 3000
    static final int POLL_MS = 100
    static final int PREVIEW_SIDE = 1024
    static final int PREVIEW_SLOTS = 2
    /** Bytes of the array "control": stop and keep the result so far; a preview would be shown. */
    static final int STOP = 0, WANTS_PREVIEW = 1
    private static final String SCRIPT =
            "from autodip_ij.fiji.worker.process import perform\nperform(task, job, blocks)"

    final File library
    private final AutoDipEnvironment fixed
    private final Semaphore turn = new Semaphore(1, true)
    private volatile Service service
    private volatile Service released
    private volatile boolean brief = false

    /** @param fixed  the environment to use, also if it is not complete; by default that of this computer */
    AutoDipWorker(File library, AutoDipEnvironment fixed = null) {
        this.library = library
        this.fixed = fixed
    }

    /** A failure to report: with its text, and whether the Log has it already. */
    static class Failure extends RuntimeException {
        boolean cancelled = false
        boolean logged = false
        List<String> details = []
        /** Stored settings to remove. */
        List<String> forget = []

        Failure(String message) {
            super(message)
        }
    }

    static Failure cancelled(String message) {
        new Failure(message).with { it.cancelled = true; it }
    }

    /** Named arrays in shared memory, which close() removes. */
    static class Arrays implements AutoCloseable {
        final Map<String, NDArray> blocks = [:]

        java.nio.ByteBuffer add(String name, String dtype, List<Integer> shape) {
            def kind = NDArray.DType.fromLabel(dtype)
            long size = Math.max(1L, shape.inject(kind.bytesPerElement() as long) { a, b -> a * b })
            if (size > Integer.MAX_VALUE)
                throw new Failure("the image has ${size >> 20} MiB, more than the 2047 MiB that Java can share at once; " +
                        REMEDY)
            def room = new File("/dev/shm")
            if (room.isDirectory() && room.usableSpace < size)
                throw new Failure("the image needs ${size >> 20} MiB of shared memory, ${room.usableSpace >> 20} MiB " +
                        "are free in ${room}; " + REMEDY)
            def shaped = new NDArray.Shape(NDArray.Shape.Order.C_ORDER, shape as int[])
            blocks[name] = new NDArray(kind, shaped)
            this[name]
        }

        java.nio.ByteBuffer getAt(String name) {
            blocks[name].buffer().order(ByteOrder.nativeOrder())
        }

        void close() {
            blocks.values().each { it.close() }
            blocks.clear()
        }

        static final String REMEDY = "process fewer channels or slices at once, or use AUTO-DIP Denoise File..."
    }

    boolean isIdle() {
        turn.availablePermits() > 0
    }

    /**
     * Run a job of autodip_ij.fiji.java.front and return its answer; further callers wait for their turn.
     *
     * @param progress  an AutoDipProgress
     * @param preview   height and width of the planes to preview; null for no previews
     * @param isBrief   whether others get no message that they wait for it
     */
    Map ask(String job, Map values, Arrays arrays, progress, List<Integer> preview = null, boolean isBrief = false) {
        if (!turn.tryAcquire()) {
            progress.start(0, brief ? "Starting the worker" : "Waiting for the previous run")
            if (!brief) progress.log("waiting for the AUTO-DIP run before this one")
            while (!turn.tryAcquire(POLL_MS, TimeUnit.MILLISECONDS))
                if (progress.stopRequest() != "no")
                    throw cancelled("cancelled while waiting for another run; nothing was changed")
        }
        boolean abandoned = false
        try {
            brief = isBrief
            byte[] text = JsonOutput.toJson(values).getBytes("UTF-8")
            arrays.add("values", "uint8", [text.length]).put(text)
            def control = arrays.add("control", "uint8", [8])
            (0..<8).each { control.put(it, (byte) 0) }
            if (preview) {
                arrays.add("preview", "float32", [PREVIEW_SLOTS] + preview.collect { Math.min(it, PREVIEW_SIDE) })
                control.put(WANTS_PREVIEW, (byte) (progress.wantsPreview() ? 1 : 0))
            }
            def events = new LinkedBlockingDeque()
            def running = begin(progress)
            def task = running.task(SCRIPT, [job: "autodip_ij.fiji.java.front:${job}".toString(),
                                             blocks: new LinkedHashMap(arrays.blocks)], "main")
            task.listen { events.add(it) }
            task.start()
            if (!follow(running, task, events, arrays, progress)) {
                abandoned = true
                Thread.start("AUTO-DIP-Reaper") { abandon(running, task) }
                throw cancelled("cancelled by the user; nothing was changed")
            }
            return answerOf(running, task)
        } finally {
            if (!abandoned) turn.release()
        }
    }

    /** End the worker, which frees the GPU; tell whether one was running. */
    boolean release() {
        def ended = service
        service = null
        if (ended == null || !ended.isAlive()) return false
        released = ended
        end(ended)
        true
    }

    private Service begin(progress) {
        if (service != null && !service.isAlive()) {
            progress.log("the AUTO-DIP worker ${causeOfEnd(service.waitFor())}; starting a new one")
            service = null
        }
        if (service != null) return service
        progress.start(0, "Starting the worker")
        def environment = fixed ?: AutoDipEnvironment.find()
        def problem = fixed ? null : environment.problem(library)
        if (problem) throw new Failure(problem)
        try {
            service = new Service(environment.folder, [PYTHONIOENCODING: "ascii:backslashreplace"],
                    environment.python().path, "-m", "autodip_ij.fiji.worker.process",
                    ProcessHandle.current().pid().toString()).start()
        } catch (IOException e) {
            throw new Failure("the worker process cannot be started (${e.message}); ${AutoDipEnvironment.SET_UP} and repair")
        }
        endWithProgram()
        service
    }

    /** Without a screen Java ends with its main thread, unless the threads of a worker are left. */
    private void endWithProgram() {
        if (!GraphicsEnvironment.isHeadless()) return
        def main = Thread.allStackTraces.keySet().find { it.name == "main" }
        if (main) Thread.startDaemon("AUTO-DIP-Exit-Watch") { main.join(); release() }
    }

    /** Relay messages until the job ends; false if the user discarded it. */
    private boolean follow(Service running, task, events, Arrays arrays, progress) {
        int done = 0
        while (true) {
            boolean ended = task.status.isFinished() || !running.isAlive()
            for (def event = events.poll(); event != null; event = events.poll()) {
                def info = event.info ?: [:]
                if (info.log) progress.log(info.log)
                if (info.start) {
                    done = 0
                    progress.start((int) event.maximum, info.start)
                } else if (event.current > done) {
                    progress.advance((int) event.current - done, event.message)
                    done = (int) event.current
                }
                if (info.preview) progress.preview(plane(arrays, info), info.shape, info.preview)
            }
            if (ended) return true
            def request = progress.stopRequest()
            if (request == "discard") return false
            def control = arrays["control"]
            control.put(STOP, (byte) (request == "keep" ? 1 : 0))
            if (progress.wantsPreview()) control.put(WANTS_PREVIEW, (byte) 1)
            def next = events.poll(POLL_MS, TimeUnit.MILLISECONDS)
            if (next != null) events.addFirst(next)
        }
    }

    private static float[] plane(Arrays arrays, Map info) {
        def (int height, int width) = info.shape
        int[] shape = arrays.blocks.preview.shape().toIntArray()
        def all = arrays["preview"].asFloatBuffer()
        float[] found = new float[height * width]
        for (int row = 0; row < height; row++) {
            all.position((int) ((info.slot * shape[1] + row) * shape[2]))
            all.get(found, row * width, width)
        }
        found
    }

    private Map answerOf(Service running, task) {
        if (!task.outputs && !running.isAlive()) {
            int code = running.waitFor()
            if (!task.outputs) throw ended(running, code)
        }
        if (task.outputs.answer) {
            def answer = new JsonSlurper().parseText(task.outputs.answer)
            if (answer.failure) {
                def failure = new Failure(answer.failure.text)
                failure.cancelled = answer.failure.cancelled
                failure.logged = true
                failure.forget = answer.forget ?: []
                throw failure
            }
            return answer
        }
        def failure = new Failure("the worker could not run the job. This is a defect of AUTO-DIP; please report it " +
                "with the details in the Log")
        failure.details = (task.outputs.problem ?: task.error ?: "").toString().readLines()
        throw failure
    }

    private Failure ended(Service running, int code) {
        if (running.is(released))
            return cancelled("cancelled: AUTO-DIP Release GPU ended the worker; nothing was changed")
        if (running.is(service)) service = null
        def failure = new Failure("the AUTO-DIP worker ${causeOfEnd(code)}; the next run starts a new one")
        failure.details = running.invalidLines().takeRight(20) + running.errorLines().takeRight(20)
        failure
    }

    static String causeOfEnd(int code) {
        if (code in [137, -9])
            return "was ended by the system (SIGKILL), most likely because memory ran out"
        code > 128 ? "was ended by signal ${code - 128}" : "ended with exit code ${code}"
    }

    /** Ask the worker to drop the job; kill it if it does not react within the grace period. */
    private void abandon(Service running, task) {
        try {
            task.cancel()
            waitUntil { task.status.isFinished() || !running.isAlive() }
            if (!task.status.isFinished()) {
                if (running.is(service)) service = null
                running.kill()
            }
        } finally {
            turn.release()
        }
    }

    private static void end(Service running) {
        running.close()
        waitUntil { !running.isAlive() }
        if (running.isAlive()) running.kill()
    }

    private static void waitUntil(Closure<Boolean> condition) {
        long deadline = System.currentTimeMillis() + GRACE_MS
        while (System.currentTimeMillis() < deadline && !condition()) Thread.sleep(20)
    }
}
