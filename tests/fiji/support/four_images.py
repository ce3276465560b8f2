"""A macro that denoises four images in batch mode, and says after each what is open and what is current."""

from __future__ import annotations

FIELDS = "group=[confocal/actin] iterations=1 options=[width=4 depth=1 device=cpu classical_weight=0]"

MACRO = f"""
setBatchMode(true);
said = "";
for (k = 1; k <= 4; k++) {{
    newImage("im" + k, "16-bit ramp", 40, 36, 1);
    run("AUTO-DIP Denoise...", "{FIELDS}");
    said = said + getTitle() + ":";
    titles = getList("image.titles");
    for (n = 0; n < titles.length; n++) said = said + " " + titles[n];
    said = said + "; ";
    close("*");
}}
setBatchMode(false);
return said;
"""


def expected(*besides: str) -> str:
    """Return what the macro says when each image was the one denoised; it closes those that were open before it."""
    kept = "".join(f" {title}" for title in besides)
    return "".join(f"im{k}-autodip:{'' if k > 1 else kept} im{k} im{k}-autodip; " for k in range(1, 5))
