from .commands.bridge import denoise as denoise
from .commands.gateway import gateway as gateway
from .commands.scripts import register as register
from .commands.scripts import scripts_path as scripts_path

__all__ = ["denoise", "gateway", "register", "scripts_path"]
