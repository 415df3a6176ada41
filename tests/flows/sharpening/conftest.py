"""A cube with waves on it, read from disk and sharpened once for all modules here."""

import pytest

from tests.scenes import Scene
from tests.sharpened_scenes import read, run, waved_cube
from texsr.flows.sharpen import Sharpened
from texsr.pipeline.capture import Capture


@pytest.fixture(scope="package")
def cube() -> Scene:
    return waved_cube()


@pytest.fixture(scope="package")
def capture(cube, tmp_path_factory) -> Capture:
    return read(cube, tmp_path_factory.mktemp("cube") / "capture")


@pytest.fixture(scope="package")
def done(capture, tmp_path_factory) -> Sharpened:
    return run(capture, tmp_path_factory.mktemp("done") / "work")
