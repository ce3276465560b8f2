from .catalogue import Layout as Layout
from .catalogue import layout_names as layout_names
from .catalogue import open_dataset as open_dataset
from .model import Dataset as Dataset
from .model import ImageRecipe as ImageRecipe
from .model import Pair as Pair
from .model import Selection as Selection

__all__ = ["Dataset", "ImageRecipe", "Layout", "Pair", "Selection", "layout_names", "open_dataset"]
