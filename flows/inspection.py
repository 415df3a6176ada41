"""The capture doctor over a directory: load, look at some photos, judge."""

from dataclasses import replace
from functools import partial
from pathlib import Path

from texsr.flows.job import capture_root
from texsr.flows.planning import surface_worth
from texsr.flows.progress import Progress, silent
from texsr.flows.settings import RunSettings
from texsr.pipeline.diagnosis import Diagnosis
from texsr.pipeline.stages.diagnose import diagnose
from texsr.pipeline.stages.load import LoadSettings, load_capture, load_photo


def inspect_capture(
    capture: Path, exclude: tuple[str, ...] = (), progress: Progress = silent
) -> Diagnosis:
    """Examine the capture in a directory; of a healthy one, say whether a run is worth it.

    Raises:
        CaptureError: there is no capture, or it cannot be used at all.
    """
    loaded = load_capture(capture_root(capture), LoadSettings(exclude=exclude))
    read_photo = partial(load_photo, mask_erosion_px=loaded.mask_erosion_px)
    diagnosis = diagnose(loaded, read_photo=read_photo, progress=progress)
    if not diagnosis.healthy:
        return diagnosis
    scale = loaded.scale or RunSettings().scale
    return replace(diagnosis, worth=surface_worth(loaded, scale, progress))
