"""The version, in one place: what this installation was built as, which is the last tag of git."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("autodip_ij")
except PackageNotFoundError:  # a checkout that was put on the path and never installed
    __version__ = "0.1.0.dev0"
