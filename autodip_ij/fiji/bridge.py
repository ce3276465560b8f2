"""Former place of `autodip_ij.fiji.commands.bridge`, for Fiji folders that hold scripts of an earlier version."""

from autodip_ij.fiji.commands.bridge import (
    denoise,
    evaluate,
    inspect,
    release,
    run_file,
    run_folder,
    run_image,
    settings,
)

__all__ = ["denoise", "evaluate", "inspect", "release", "run_file", "run_folder", "run_image", "settings"]
