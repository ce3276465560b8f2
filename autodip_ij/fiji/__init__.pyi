from .commands.bridge import denoise as denoise
from .commands.gateway import register as register
from .commands.gateway import scripts_path as scripts_path

__all__ = ["denoise", "register", "scripts_path"]
