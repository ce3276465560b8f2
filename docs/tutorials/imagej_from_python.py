# ---
# jupyter:
#   jupytext:
#     text_representation: {extension: .py, format_name: percent}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # From ImageJ to AUTO-DIP and back
#
# Open an image with ImageJ, denoise it, hand the result back to ImageJ, and look at both. You need
# `pip install 'autodip_ij[readers,fiji]' matplotlib jupytext` and a Fiji folder; `jupytext --to notebook` makes a
# notebook of this file, and JupyterLab with jupytext opens it as one.

# %%
import os
import tempfile
from pathlib import Path

import numpy as np

import autodip_ij.fiji

# %% [markdown]
# ## Start ImageJ
#
# `gateway()` takes the folder of a Fiji, the one that `AUTODIP_FIJI_DIR` names, or the only one in the usual places.
# `gateway("sc.fiji:fiji")` downloads one. In Fiji's own script editor (Python mode) it finds the Fiji that runs.

# %%
ij = autodip_ij.fiji.gateway(os.environ.get("AUTODIP_FIJI_DIR"))
print(ij.getVersion())

# %% [markdown]
# ## Open an image
#
# Here a small one is made, so that the page runs anywhere: spots with Poisson noise. With a file of your own it is
# `imp = ij.IJ.openImage("cells.tif")`, or `ij.py.run_macro('run("Bio-Formats Importer", ...)')`.

# %%
from scyjava import jimport

IJ = jimport("ij.IJ")
yx = np.mgrid[:128, :128]
rng = np.random.default_rng(1)
spots = sum(np.exp(-((yx[0] - y) ** 2 + (yx[1] - x) ** 2) / 50) for y, x in rng.uniform(10, 118, (12, 2)))
photons = rng.poisson(5 + 20 * spots).astype(np.uint16)

imp = IJ.createImage("spots", "16-bit black", 128, 128, 1)
for y, row in enumerate(photons):
    for x, value in enumerate(row):
        imp.getProcessor().set(x, y, int(value))
imp.getCalibration().pixelWidth = imp.getCalibration().pixelHeight = 0.1
imp.getCalibration().setUnit("micron")

# %% [markdown]
# ## Denoise it
#
# Every [setting](../settings.md) is a keyword. The answer is an ImagePlus again, with calibration, labels, overlay and
# the record of the run in its Info.

# %%
denoised = autodip_ij.fiji.denoise(imp, effort="fast", seed=1)
print(denoised.getTitle(), denoised.getBitDepth(), denoised.getCalibration().pixelWidth)
print(str(denoised.getInfoProperty())[:300])

# %% [markdown]
# ## Hand it back
#
# Measure it with ImageJ, save it as ImageJ does, or run a macro on it.

# %%
before, after = imp.getStatistics(), denoised.getStatistics()
print(f"mean {before.mean:.2f} -> {after.mean:.2f}, standard deviation {before.stdDev:.2f} -> {after.stdDev:.2f}")
target = Path(tempfile.mkdtemp()) / "spots-autodip.tif"
IJ.saveAsTiff(denoised, str(target))
again = IJ.openImage(str(target))
print(target.name, again.getWidth(), again.getHeight(), again.getCalibration().getUnit())

# %% [markdown]
# The same by the menu command, as a macro in Fiji would call it:
#
# ```
# run("AUTO-DIP Denoise...", "effort=fast");
# ```
#
# End with `ij.dispose()`: Java cannot be started a second time in this process.
