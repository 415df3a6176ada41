"""Which files of a capture have a say in its result."""

import os
from collections.abc import Iterator
from pathlib import Path

from texsr.flows.job import CAPTURE_TOML
from texsr.flows.manifest import files_below
from texsr.pipeline.capture import Capture
from texsr.pipeline.formats.directory import find_cameras
from texsr.pipeline.formats.toml_settings import read_capture_toml


def input_files(capture: Capture) -> list[Path]:
    """List every file that the capture was read from, and the photos still to be read."""
    paths = {Path(os.path.normpath(path)) for path in _candidates(capture)}
    return sorted(path for path in paths if path.is_file())


def _candidates(capture: Capture) -> Iterator[Path]:
    surface = capture.surface
    yield surface.path
    yield from surface.sidecars
    yield from (atlas.path for atlas in surface.atlases if atlas.path is not None)
    for cameras in _camera_places(capture):
        if cameras.is_dir():
            yield from files_below(cameras)
        else:
            yield cameras
    for view in capture.views:
        yield view.photo_path
        if view.mask_path is not None:
            yield view.mask_path
    yield capture.root / CAPTURE_TOML


def _camera_places(capture: Capture) -> Iterator[Path]:
    yield capture.cameras_path
    toml = capture.root / CAPTURE_TOML
    second = read_capture_toml(toml).second_set if toml.is_file() else None
    if second is not None:
        yield find_cameras(capture.root, second.cameras)[0]
