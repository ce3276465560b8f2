"""``autodip evaluate`` and ``autodip published``."""

from __future__ import annotations

import json as json_text
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from autodip_ij.errors import BadInput
from autodip_ij.evaluation.evaluate import Request, Running, Scoring, Selection

if TYPE_CHECKING:
    from autodip_ij.evaluation.evaluate import Evaluation

Flat = Parameter(name="*")
Switch = Annotated[bool, Parameter(negative="")]
Effort = Literal["fast", "standard"]
DEFAULT_METHODS = ("noisy", "gaussian", "dip")


def evaluate(
    reference: Path,
    image: Path | None = None,
    *,
    noisy: Path | None = None,
    value_range: float | None = None,
    method: Annotated[tuple[str, ...], Parameter(negative="", consume_multiple=True)] = (),
    effort: Annotated[tuple[Effort, ...], Parameter(negative="", consume_multiple=True)] = (),
    metadata: bool = True,
    table: Literal[1, 2] | None = None,
    out: Path | None = None,
    selection: Annotated[Selection | None, Flat] = None,
    scoring: Annotated[Scoring | None, Flat] = None,
    running: Annotated[Running | None, Flat] = None,
    against: str = "",
    panels: int = 0,
    calibration: str = "paper",
    criterion: str | None = None,
    grid: Path | None = None,
    check: Switch = False,
    json: Switch = False,
    quiet: Switch = False,
) -> int | None:
    """Measure image quality: of one file against another, or of methods on a data set.

    With two files: `autodip evaluate REFERENCE IMAGE`. With a data folder, a pairs.csv or an index.csv:
    `autodip evaluate DATA --method noisy --method gaussian:sigma_px=2 --method dip --out RESULTS`. An interrupted
    run resumes in the same RESULTS. The mixed test of FMD: `autodip evaluate FMD --dataset fmd-test-mix --levels raw
    --method gaussian --effort fast --effort standard`.

    Parameters
    ----------
    reference
        Clean image (ground truth), or data folder or table.
    image
        Image to compare with the clean one.
    noisy
        Noisy image from which IMAGE was computed, for the measures of the residual.
    value_range
        Width of the fixed grey-value scale of two files; by default 255 for 8-bit references.
    method
        Methods: noisy, dip, a comparison method, or fit with parameters. Parameters after a colon, for one group with
        its name in front: gaussian:sigma_px=1,widefield.sigma_px=3.
    effort
        Efforts at which dip is run, e.g. fast and standard; its default if omitted.
    metadata
        Tell the methods microscope and specimen; --no-metadata treats the images like files that say nothing.
    table
        Reproduce Table I or II of the paper beside the published values.
    out
        Folder for results; by default DATA_evaluation in the current folder.
    against
        Reference method for the statistical tests; by default the first.
    panels
        Number of panels of images to draw, one per group.
    calibration
        For Table I: calibration whose parameters are transferred.
    criterion
        For Table I: criterion for the best parameters in that calibration.
    grid
        For Table I: pack of a grid search over the validation images, from which scores are taken.
    check
        Only list the contents of the data folder and what is missing.
    json
        Print a JSON object.
    quiet
        Show errors only.
    """
    parts = selection or Selection(), scoring or Scoring(), running or Running()
    request = Request(*parts, against=against, panels=panels, metadata=metadata)
    if image is not None:
        _two_files(reference, image, noisy, value_range, request, json)
        return None
    if table and (effort or not metadata):
        raise BadInput("--effort and --no-metadata are for data sets; the tables of the paper have their own methods")
    if check:
        return _check(reference, request, json)
    from autodip_ij.cli.console import console_progress

    folder = out or Path(f"{reference.resolve().stem}_evaluation")
    with console_progress(quiet=quiet) as progress:
        if table == 1:
            from autodip_ij.evaluation.paper.tables import evaluate_table1

            cells, files = evaluate_table1(
                reference, folder, request, calibration=calibration, criterion=criterion, grid=grid, progress=progress
            )
            _show({"table": [asdict(cell) for cell in cells]}, files, files["report"], json, quiet)
            return None
        if table == 2:
            from autodip_ij.evaluation.paper.tables import evaluate_table2

            entries, found = evaluate_table2(reference, method, folder, request, progress=progress)
            _show({"table": [asdict(entry) for entry in entries]}, found.files, found.files["table2_page"], json, quiet)
            return _code(found)
        from autodip_ij.evaluation.evaluate import evaluate_methods
        from autodip_ij.evaluation.scoring.methods import at_efforts

        methods = at_efforts(method or DEFAULT_METHODS, effort)
        found = evaluate_methods(reference, methods, folder, request, progress=progress)
    record = {
        "scores": json_text.loads(found.table.to_json(orient="records")),
        "means": {by: json_text.loads(means.to_json(orient="records")) for by, means in found.means.items()},
        "tests": [asdict(test) for test in found.tests],
        "failed": dict(found.failed),
    }
    _show(record, found.files, found.files["report"], json, quiet)
    return _code(found)


def published(
    fmd: Path,
    out: Path,
    *,
    lpips_weights: str = "",
    overwrite: Switch = False,
    json: Switch = False,
    quiet: Switch = False,
) -> None:
    """Rebuild the published calibration and validation images from an FMD folder.

    Writes OUT/pack, a calibration pack with the images and their published parameters, and OUT/pairs, the noisy and
    clean images of both sets for `autodip evaluate`. The published UMAP reducer is not available; a new one is fitted.

    Parameters
    ----------
    fmd
        Folder with Confocal_BPAE_B and the other FMD folders; raw captures suffice.
    out
        Folder to create.
    lpips_weights
        Folder of LPIPS backbone weights, for descriptors with features.
    overwrite
        Replace existing files.
    json
        Print a JSON object.
    quiet
        Show errors only.
    """
    from autodip_ij.cli.console import console_progress
    from autodip_ij.evaluation.paper.rebuild import rebuild

    with console_progress(quiet=quiet) as progress:
        made = rebuild(fmd, out, weights=lpips_weights or None, overwrite=overwrite, progress=progress)
    if json:
        print(json_text.dumps(asdict(made), default=str, indent=2))
    elif not quiet:
        print(f"{made.pack}: {made.calibration} of 110 calibration images")
        print(f"{made.pairs}: {made.validation} of 55 validation images")


def _two_files(
    reference: Path, image: Path, noisy: Path | None, value_range: float | None, request: Request, as_json: bool
) -> None:
    from autodip_ij.evaluation.scoring.measures import score_files

    scoring = request.scoring
    rows = score_files(
        reference,
        image,
        noisy=noisy,
        value_range=value_range,
        register=bool(scoring.register),
        match_intensity=bool(scoring.match_intensity),
        perceptual=scoring.perceptual,
        weights=scoring.lpips_weights,
        device="cpu" if request.running.device == "auto" else request.running.device,
    )
    if as_json:
        print(_strict(rows))
        return
    from rich.console import Console

    from autodip_ij.evaluation import markdown
    from autodip_ij.evaluation.scoring.measures import MEASURES

    for row in rows:
        if len(rows) > 1:
            print(f"t {row['t']}, c {row['c']}, z {row['z']}")
        for measure in MEASURES:
            if row[measure.name] is not None:
                text = f"{measure.label:32} {markdown.number(row[measure.name], measure.digits):>10}  {measure.meaning}"
                Console(soft_wrap=True).print(text, markup=False, highlight=False)


def _check(data: Path, request: Request, as_json: bool) -> int:
    from collections import Counter

    from autodip_ij.evaluation.datasets.catalogue import layout_of, open_datasets

    found = open_datasets(data, request.selection.dataset)
    records = []
    for dataset in found:
        layout = layout_of(dataset.name)
        records.append(
            {
                "layout": dataset.name,
                "folder": str(dataset.root),
                "pairs": len(dataset.pairs),
                "groups": dict(Counter(f"{pair.subset} {pair.level}".strip() for pair in dataset.pairs)),
                "missing": list(dataset.missing),
                "source": layout.source,
                "licence": layout.licence,
                "download": layout.download,
            }
        )
    if as_json:
        print(json_text.dumps(records, indent=2))
    else:
        from autodip_ij.cli.console import say

        for record in records:
            say(f"{record['folder']}: {record['pairs']} pairs, layout {record['layout']} ({record['licence']})")
            for group, count in record["groups"].items():  # type: ignore[attr-defined]
                say(f"  {group}: {count}")
            for line in record["missing"]:  # type: ignore[attr-defined]
                say(f"  missing: {line}")
            if record["missing"]:
                say(f"  get it from {record['source']} (not downloaded: {record['download']})")
    return 1 if any(dataset.missing for dataset in found) else 0


def _show(record: Mapping[str, Any], files: Mapping[str, Path], page: Path, as_json: bool, quiet: bool) -> None:
    if as_json:
        print(_strict({**record, "files": {kind: str(path) for kind, path in files.items()}}))
    elif not quiet:
        from autodip_ij.cli.console import say

        for line in (*page.read_text(encoding="utf-8").splitlines(), *_lines(files)):
            say(line)


def _lines(files: Mapping[str, Path]) -> Sequence[str]:
    return [f"{kind}: {path}" for kind, path in files.items()]


def _strict(record: Any) -> str:
    """Return JSON without NaN and infinity, which not every reader accepts."""

    def finite(value: Any) -> Any:
        if isinstance(value, Mapping):
            return {key: finite(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [finite(item) for item in value]
        return None if isinstance(value, float) and not isfinite(value) else value

    return json_text.dumps(finite(record), indent=2)


def _code(found: Evaluation) -> int:
    return 1 if found.failed else 0
