"""Shapes and types checked at run time for the whole test run; seeds and shared data.

The import hook must stand before the first import of a texsr module: pytest reads this file first.
"""

from pathlib import Path

import jaxtyping

import tests.checking  # noqa: F401  the hook looks its attribute up

jaxtyping.install_import_hook(["texsr"], "tests.checking.checked")

import numpy as np  # noqa: E402
import pytest  # noqa: E402

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def rng() -> np.random.Generator:
    """A seeded source of random numbers: the same in every run."""
    return np.random.default_rng(20240613)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The validation data beside the repository, or a skip where it is not."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"{folder} is not there: the validation captures are kept outside")
    return folder
