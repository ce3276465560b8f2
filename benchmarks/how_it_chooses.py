"""Draw how parameters are chosen: ``python benchmarks/how_it_chooses.py`` writes docs/images/how-it-chooses.svg."""

from __future__ import annotations

from pathlib import Path

BOX, GAP, LEFT, TOP = (196, 66), 40, 12, 12
BOXES = {  # column, row: lines
    (0, 0): ("Metadata", "microscope, specimen", "or unknown"),
    (0, 2): ("Noise of a plane", "strength,", "white or correlated"),
    (1, 1): ("Calibration", "a table for each noise,", "a row for each group"),
    (2, 0): ("White noise", "non-local Bayes,", "no network"),
    (2, 1): ("Correlated noise, fast", "estimate that knows", "the shared noise"),
    (2, 2): ("Correlated, standard", "70 % that estimate,", "30 % a fit"),
    (3, 1): ("Checks", "green, amber, red;", "record beside the result"),
}
_KINDS = [(2, n) for n in range(3)]
ARROWS = [
    ((0, 0), (1, 1)),
    ((0, 2), (1, 1)),
    *(((1, 1), kind) for kind in _KINDS),
    *((kind, (3, 1)) for kind in _KINDS),
]


def corner(place: tuple[int, int]) -> tuple[int, int]:
    """Return the upper left corner of a box in px."""
    return LEFT + place[0] * (BOX[0] + GAP), TOP + place[1] * (BOX[1] + GAP // 2)


def drawing() -> str:
    """Return the picture as SVG."""
    parts = []
    for start, end in ARROWS:
        (x0, y0), (x1, y1) = corner(start), corner(end)
        x0, y0, y1 = x0 + BOX[0], y0 + BOX[1] // 2, y1 + BOX[1] // 2
        parts.append(f'<path d="M{x0} {y0} C{x0 + 20} {y0} {x1 - 24} {y1} {x1 - 4} {y1}" marker-end="url(#tip)"/>')
    for place, (title, *lines) in BOXES.items():
        x, y = corner(place)
        parts.append(f'<rect x="{x}" y="{y}" width="{BOX[0]}" height="{BOX[1]}" rx="8"/>')
        parts.append(f'<text x="{x + 12}" y="{y + 20}" font-weight="bold">{title}</text>')
        parts += [f'<text x="{x + 12}" y="{y + 38 + 17 * n}">{line}</text>' for n, line in enumerate(lines)]
    width, height = corner((4, 3))
    style = "rect{fill:#e0f2f1;stroke:#00796b}path{fill:none;stroke:#607d8b;stroke-width:1.5}text{fill:#102a27}"
    tip = '<marker id="tip" markerWidth="8" markerHeight="8" refX="5" refY="4" orient="auto">'
    tip += '<polygon points="0,1 6,4 0,7" fill="#607d8b"/></marker>'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif"'
    head += ' font-size="14">'
    back = f'<rect width="{width}" height="{height}" rx="10" style="fill:#ffffff;stroke:none"/>'
    return "\n".join([head, f"<style>{style}</style><defs>{tip}</defs>", back, *parts, "</svg>\n"])


if __name__ == "__main__":
    page = Path(__file__).resolve().parents[1] / "docs" / "images" / "how-it-chooses.svg"
    page.write_text(drawing(), encoding="utf-8")
