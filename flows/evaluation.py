"""Methods side by side on images with a known answer."""

import logging
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import final

from texsr.flows.ablations import Ablatable
from texsr.flows.cost import metered
from texsr.flows.evaluation_settings import EvaluationSettings, methods_of
from texsr.flows.figures import Figures, Looks, examine
from texsr.flows.methods import Method, Sharpening, Stored
from texsr.flows.model_choice import choose_device
from texsr.flows.perceptual import find_looks
from texsr.flows.progress import Progress, silent
from texsr.flows.trials import Trial, find_trials, read_pair, read_trial
from texsr.pipeline.atlas import ImageKind
from texsr.pipeline.errors import SettingsError, TexsrError
from texsr.pipeline.formats.images import write_image
from texsr.pipeline.formats.refsr_folders import read_refsr_folder

logger = logging.getLogger(__name__)

Reader = Callable[[], Trial]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One method on one subject."""

    subject: str
    method: str | None  # None: the subject could not be read
    figures: Figures | None  # None: it failed
    fault: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """What an evaluation found."""

    device: str
    rows: tuple[Row, ...]
    notes: tuple[str, ...]  # what was left out and why

    @property
    def status(self) -> str:
        """`done`, `partly` or `failed`."""
        num_failed = sum(row.figures is None for row in self.rows)
        if num_failed == 0:
            return "done"
        return "failed" if num_failed == len(self.rows) else "partly"


def evaluate_captures(
    places: list[Path],
    settings: EvaluationSettings,
    *,
    pictures: Path | None = None,
    progress: Progress = silent,
) -> Evaluation:
    """Measure every method on every capture with a truth.

    Args:
        places: folders with capture/ and truth/, or folders of such folders.
        settings: what to measure.
        pictures: where to leave the enlarged images; None: nowhere.
        progress: told of methods done, and of the stages of each.

    Raises:
        TexsrError: an option is wrong or something it needs is missing. What is wrong with one
            capture is told in its rows.
    """
    readers: dict[str, Reader] = {
        name: partial(read_trial, name, root, settings.held_out)
        for name, root in find_trials(places).items()
    }
    return _Bench(settings, pictures, progress).evaluate(readers)


def evaluate_pairs(
    folder: Path,
    settings: EvaluationSettings,
    *,
    pictures: Path | None = None,
    progress: Progress = silent,
) -> Evaluation:
    """Measure every method on the pictures of a RefSR test set.

    Models that find by themselves where a photo shows what are given the references; nothing says
    how these lie. Others have no use for them.

    Args:
        folder: as `read_refsr_folder` knows them.
        settings: what to measure.
        pictures: where to leave the enlarged images; None: nowhere.
        progress: told of methods done.

    Raises:
        TexsrError: an option is wrong or does not apply, or the folder holds no scene.
    """
    for option, given, why in (
        ("--held-out", settings.held_out, "pictures have no cameras to show an answer from"),
        ("--cropped", settings.cropped, "references of pictures are never warped"),
    ):
        if given:
            raise SettingsError(
                option,
                found=f"{option} with --pairs",
                expected=f"captures: {why}",
                remedy="leave it out",
            )
    readers: dict[str, Reader] = {
        scene.name: partial(read_pair, scene) for scene in read_refsr_folder(folder)
    }
    return _Bench(settings, pictures, progress, of_pictures=True).evaluate(readers)


@final
class _Bench:
    """Everything that is the same for all subjects."""

    def __init__(
        self,
        settings: EvaluationSettings,
        pictures: Path | None,
        progress: Progress,
        *,
        of_pictures: bool = False,
    ) -> None:
        self.device = choose_device(settings.device)
        self.methods = methods_of(settings, self.device, pictures=of_pictures)
        self.pictures, self.progress = pictures, progress
        self.looks: Looks | None
        self.looks, about_looks = find_looks(settings.lpips, self.device)
        self.held_out = settings.held_out
        self.notes = [about_looks]
        if of_pictures:
            self.notes.append(_about_references(self.methods))
        else:
            self.notes += _about_parts(self.methods) if settings.ablations else ()
            self.notes += _about_crops(self.methods) if settings.cropped else ()

    def evaluate(self, readers: Mapping[str, Reader]) -> Evaluation:
        """Work through the subjects; what goes wrong with one is told in its rows."""
        rows: list[Row] = []
        for name, read in readers.items():
            rows += self._subject(name, read, len(rows), len(readers) * len(self.methods))
        self.progress("evaluate", 1, 1)
        return Evaluation(device=self.device, rows=tuple(rows), notes=tuple(self.notes))

    def _subject(self, name: str, read: Reader, done: int, total: int) -> Iterator[Row]:
        self.progress("evaluate", done, total)
        try:
            trial = read()
        except Exception as error:  # one capture that trips a fault costs no other
            yield Row(subject=name, method=None, figures=None, fault=_told(name, error))
            return
        if self.held_out and trial.subject.capture is not None and trial.held_out is None:
            self.notes.append(f"{name} has no photo that --held-out names.")
        for count, method in enumerate(self.methods, 1):
            try:
                figures = self._measured(trial, method)
            except Exception as error:
                fault = _told(f"{name}, {method.name}", error)
                yield Row(subject=name, method=method.name, figures=None, fault=fault)
            else:
                yield Row(subject=name, method=method.name, figures=figures)
            self.progress("evaluate", done + count, total)

    def _measured(self, trial: Trial, method: Method) -> Figures:
        with tempfile.TemporaryDirectory(prefix="texsr-") as work:
            with metered(self.device) as cost:
                made = method(trial.subject, Path(work), self.progress)
            figures = examine(trial, made, cost, self.looks)
            if self.pictures is not None:
                keep_picture(self.pictures, trial.subject.name, method.name, made.high)
        return figures


def keep_picture(folder: Path, subject: str, method: str, high: Stored) -> None:
    """Write an enlarged image as FOLDER/SUBJECT/METHOD.png.

    Raises:
        OutputError: it cannot be written.
    """
    names = (re.sub(r"[^\w.+=-]+", "_", Path(one).name) for one in (subject, method))
    write_image(folder.joinpath(*names).with_suffix(".png"), ImageKind.PNG, high)


def _about_parts(methods: list[Method]) -> Iterator[str]:
    """Say which ablations there are not."""
    names = [method.name for method in methods]
    for method in methods:
        if isinstance(method, Sharpening) and f"{method.name}, no references" in names:
            limit = method.upscaler.max_references
            if limit is not None:
                yield f"{method.name} by itself takes {limit} references for a cell of the surface."
            if not isinstance(method.upscaler, Ablatable):
                yield f"{method.name} has no parts that can be left out."


def _about_crops(methods: list[Method]) -> Iterator[str]:
    """Say which models were not shown crops."""
    for method in methods:
        if isinstance(method, Sharpening) and method.references is None and not method.searches:
            yield f"{method.name} searches no photos: it has no row with crops."


def _about_references(methods: list[Method]) -> str:
    """Say which models were given the references of pictures."""
    ours = [one for one in methods if isinstance(one, Sharpening) and one.references is None]
    searching = [one.name for one in ours if one.searches]
    given_to = ", ".join(searching) or "none of these"
    return f"References that nothing aligns were given to {given_to}."


def _told(where: str, error: Exception) -> str:
    """Put an error into one line; one that is our own fault goes to the log as well."""
    if isinstance(error, TexsrError):
        return str(error)
    logger.error("%s: texsr itself failed", where, exc_info=error)
    return f"{type(error).__name__}: {error}"
