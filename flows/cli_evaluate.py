"""`texsr evaluate`."""

from json import dumps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from texsr.flows import cli_options as options
from texsr.flows.console import DONE, FAILED, PARTLY, ProgressBars, answering
from texsr.pipeline.errors import OutputError, SettingsError

if TYPE_CHECKING:
    from texsr.flows.evaluation import Evaluation
    from texsr.flows.evaluation_settings import EvaluationSettings
    from texsr.flows.progress import Progress

PAGE, FACTS, PICTURES = "evaluation.md", "evaluation.json", "pictures"


def evaluate(
    captures: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="CAPTURE_WITH_TRUTH...",
            help="Folders with capture/ and truth/, or folders of such folders.",
        ),
    ] = None,
    pairs: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Instead: a RefSR test set, as CUFED5's, at x4."),
    ] = None,
    model: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME|FILE", help="A model; repeat for more. [default: auto]"),
    ] = None,
    smfanet: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Also SMFANet+, by its weights.")
    ] = None,
    spandrel: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE",
            help="Also a single-image network that the library spandrel knows; repeat for more.",
        ),
    ] = None,
    allow_pickle: Annotated[
        bool, typer.Option("--allow-pickle", help="Let spandrel read files that can run code.")
    ] = False,
    ablations: Annotated[
        bool, typer.Option("--ablations", help="Also without photos, with few, and without parts.")
    ] = False,
    cropped: Annotated[
        bool,
        typer.Option(
            "--cropped", help="Also with crops of the photos, for models that search by themselves."
        ),
    ] = False,
    held_out: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PHOTO", help="A photo to leave out and compare with; repeat for more."
        ),
    ] = None,
    lpips: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Weights of LPIPS, as safetensors.")
    ] = None,
    device: options.Device = "auto",
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Gets page, figures and pictures.")
    ] = None,
    json: options.Json = False,
) -> None:
    """Measure models beside bicubic and projection on captures whose answer is known.

    Prints a Markdown table: PSNR and SSIM on the texels of the mask and by both protocols of the
    field, seam error, resolution, time, memory. Exit code 3: some of it failed; 1: all did.

    Examples:

        texsr simulate vase.obj --out trial && texsr evaluate trial

        texsr evaluate trials/* --model fast --model mine.safetensors --ablations --out figures

        texsr evaluate trial --smfanet x4.safetensors --held-out 003.jpg --json | jq .rows

        texsr evaluate trial --model fast --model masa --cropped

        texsr evaluate --pairs CUFED5/test --smfanet x4.safetensors --ablations
    """
    with answering(as_json=json) as answer:
        from texsr.flows.evaluation_settings import EvaluationSettings
        from texsr.flows.evaluation_table import as_json, markdown

        settings = EvaluationSettings(
            models=tuple(model or ["auto"]),
            smfanet=smfanet,
            spandrel=tuple(spandrel or ()),
            allow_pickle=allow_pickle,
            ablations=ablations,
            cropped=cropped,
            held_out=tuple(held_out or ()),
            lpips=lpips,
            device=device,
        )
        _prepare(out)
        with ProgressBars() as progress:
            found = _evaluate(captures or [], pairs, settings, out, progress)
        facts, text = as_json(found), markdown(found)
        if out is not None:
            _write(out, {PAGE: text, FACTS: dumps(facts, indent=1) + "\n"})
        code = {"done": DONE, "partly": PARTLY, "failed": FAILED}[found.status]
        answer.give(facts, text.rstrip(), code=code)


def _evaluate(
    captures: list[Path],
    pairs: Path | None,
    settings: "EvaluationSettings",
    out: Path | None,
    progress: "Progress",
) -> "Evaluation":
    from texsr.flows.evaluation import evaluate_captures, evaluate_pairs

    if bool(captures) == (pairs is not None):
        raise SettingsError(
            "texsr evaluate",
            found="captures and --pairs" if captures else "nothing to evaluate on",
            expected="either folders with capture/ and truth/, or --pairs FOLDER",
            remedy="texsr simulate makes a capture with a truth from any textured mesh",
        )
    pictures = None if out is None else out / PICTURES
    if pairs is None:
        return evaluate_captures(captures, settings, pictures=pictures, progress=progress)
    return evaluate_pairs(pairs, settings, pictures=pictures, progress=progress)


def _prepare(out: Path | None) -> None:
    """Mark a place as an evaluation's, before hours are spent.

    Raises:
        OutputError: it cannot be written, or holds anything but an earlier evaluation.
    """
    if out is None:
        return
    if out.exists() and (not out.is_dir() or (any(out.iterdir()) and not (out / FACTS).is_file())):
        raise OutputError(
            out,
            found="something that no evaluation wrote",
            expected="a new or empty directory, or that of an earlier evaluation",
            remedy="give another --out",
        )
    _write(out, {FACTS: dumps({"status": "unfinished"})})


def _write(out: Path, files: dict[str, str]) -> None:
    from texsr.pipeline.formats.writing import write_file

    for name, content in files.items():
        write_file(out / name, content.encode())
