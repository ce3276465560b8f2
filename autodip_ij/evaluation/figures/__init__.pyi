from .panels import panel as panel
from .plots import box_plots as box_plots
from .plots import gradient_plot as gradient_plot
from .plots import time_plot as time_plot

__all__ = ["box_plots", "gradient_plot", "panel", "time_plot"]
