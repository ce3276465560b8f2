from .commands.bridge import denoise as denoise
from .commands.scripts import register as register
from .commands.scripts import scripts_path as scripts_path

__all__ = ["denoise", "register", "scripts_path"]
