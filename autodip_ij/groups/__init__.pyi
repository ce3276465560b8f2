from .infer import infer_groups as infer_groups
from .model import Evidence as Evidence
from .model import GroupDecision as GroupDecision
from .model import group_names as group_names
from .vocabulary import load_vocabulary as load_vocabulary

__all__ = ["Evidence", "GroupDecision", "group_names", "infer_groups", "load_vocabulary"]
