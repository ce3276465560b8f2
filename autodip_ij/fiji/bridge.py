"""The old home of `autodip_ij.fiji.commands.bridge`, for Fiji folders whose scripts an earlier version installed."""

from autodip_ij.fiji.commands.bridge import *  # noqa: F403
