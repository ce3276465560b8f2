# ---
# jupyter:
#   jupytext:
#     text_representation: {extension: .py, format_name: percent}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # Denoise in Python
#
# You need `pip install autodip_ij jupytext`; `jupytext --to notebook` makes a notebook of this file, and JupyterLab
# with jupytext opens it as one.

# %%
import tempfile
from pathlib import Path

import numpy as np

import autodip_ij

# %% [markdown]
# ## An image
#
# Here a small one is made, so that the page runs anywhere: spots of a nucleus-like size in two slices, with the Poisson
# noise of a camera. With a file of your own it is `image = autodip_ij.read("cells.czi")`.

# %%
rng = np.random.default_rng(0)
y, x = np.mgrid[:64, :64]
spots = sum(np.exp(-((y - a) ** 2 + (x - b) ** 2) / 60) for a, b in rng.uniform(8, 56, (6, 2)))
clean = np.stack([40 + 60 * spots, 40 + 50 * spots])
noisy = rng.poisson(clean).astype(np.uint16)
image = autodip_ij.Image.from_array(noisy, "ZYX", name="spots")
image

# %% [markdown]
# ## What would be done
#
# `inspect` says which group the metadata point to, with which parameters, and how long it takes. An array has no
# metadata, so the group is given.

# %%
settings = autodip_ij.DenoiseSettings(group="widefield/nucleus", effort="fast", seed=1)
for scene in autodip_ij.inspect(image, settings).scenes:
    for channel in scene.channels:
        print(channel.reason)

# %% [markdown]
# ## Denoise
#
# Single settings win over those of the object ([all of them](../settings.md)): here, the first slice alone.
# `progress=True` shows a bar. A notebook shows the result before and after; a quality check that is red is a warning.

# %%
result = autodip_ij.denoise(image, settings, z=0, progress=True)
result

# %% [markdown]
# ## Use the result
#
# `image` is an array with the axes of the input, in its grey values; `report` is the record of the run. `to_xarray()`
# has channel names and pixel sizes as coordinates.

# %%
error_before = np.sqrt(np.mean((noisy[0] - clean[0]) ** 2))
error_after = np.sqrt(np.mean((result.image[0] - clean[0]) ** 2))
print(f"error {error_before:.1f} -> {error_after:.1f} grey values")
for check in result.report.channels[0].checks:
    print(check.name, check.verdict, check.advice)

# %% [markdown]
# ## Save it
#
# The [record](../sidecar.md) is written beside the image. `autodip_ij.denoise_file(source, target)` does all of this
# for a file, plane by plane, and goes on where it was interrupted.

# %%
with tempfile.TemporaryDirectory() as folder:
    written = result.save(Path(folder) / "spots_autodip.ome.tif")
    print(written.name, autodip_ij.read(written).shape)
