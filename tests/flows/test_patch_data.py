"""Packs made of plain pictures: the same fields as those of captures, and read the same way."""

from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from texsr.flows.patch_data import PictureSettings, patch_tiles
from texsr.flows.training_batches import cropped, stack
from texsr.flows.training_data import Pack, PackSettings, read_pack, write_pack
from texsr.models.data import PatchSettings
from texsr.models.degradation import smooth_field
from texsr.models.resample import reduce
from texsr.pipeline.errors import CaptureError

SMALL = PictureSettings(pack=PackSettings(side_tx=16), artwork_odds=0.0)


def picture(path: Path, *, side: int = 300, mode: str = "RGB") -> Path:
    """Write a picture with detail of a few pixels."""
    planes = smooth_field(np.random.default_rng(side), len(mode), (side, side), 2.5)
    stored = ((planes.permute(1, 2, 0).numpy() * 0.4 + 0.5) * 255).round().astype(np.uint8)
    Image.fromarray(stored.squeeze()).save(path)
    return path


@pytest.fixture
def pictures(tmp_path: Path) -> list[Path]:
    return [picture(tmp_path / "a.png"), picture(tmp_path / "b.png", side=340)]


def test_tiles_hold_what_packs_hold(pictures: list[Path], rng: np.random.Generator):
    tiles = list(patch_tiles(pictures, 3, SMALL, rng))
    assert len(tiles) == 3
    for tile in tiles:
        assert tile.low.shape == (16, 16, 3)
        assert tile.truth.shape == (64, 64, 3)
        assert tile.covered.shape == (64, 64)
        assert bool((tile.covered == 255).all())
        assert tile.detail.shape == (8, 3, 64, 64)
        assert tile.weight.shape == (8, 64, 64)
        assert tile.maps.shape == (8, 5, 16, 16)
        assert tile.trust.shape == (8,)
        assert not tile.detail.transpose(0, 2, 3, 1)[tile.weight == 0].any()


def test_low_is_the_middle_of_the_reduced_truth(pictures: list[Path], rng: np.random.Generator):
    for tile in patch_tiles(pictures, 2, SMALL, rng):
        truth = torch.from_numpy(tile.truth).permute(2, 0, 1)[None].float()
        inner = (slice(2, -2), slice(2, -2))  # at the border reduction looks beyond the tile
        exact = reduce(truth, 4)[0].permute(1, 2, 0).numpy()[inner]
        assert float(np.abs(tile.low[inner] - exact).max()) <= 0.51


def test_the_same_state_gives_the_same_tiles(pictures: list[Path]):
    def made(seed: int) -> Pack:
        return next(patch_tiles(pictures, 1, SMALL, np.random.default_rng(seed)))

    first, again, other = made(1), made(1), made(2)
    for part in fields(Pack):
        assert np.array_equal(getattr(first, part.name), getattr(again, part.name))
    assert not np.array_equal(first.truth, other.truth)


def test_packs_are_read_back_and_cropped_into_batches(
    pictures: list[Path], tmp_path: Path, rng: np.random.Generator
):
    tiles = list(patch_tiles(pictures, 2, SMALL, rng))
    write_pack(tiles, tmp_path / "pack")
    stored = read_pack(tmp_path / "pack")
    assert np.array_equal(stored.detail[1], tiles[1].detail)
    batch = stack([cropped(tile, rng, count=4, side_tx=12) for tile in tiles])
    assert batch.low.shape == (2, 3, 12, 12)
    assert batch.truth.shape == (2, 3, 48, 48)
    assert bool((batch.covered == 1).all())


def test_tiles_without_references_are_packed_empty(pictures: list[Path], rng: np.random.Generator):
    settings = replace(SMALL, patch=PatchSettings(references=(0, 0)))
    tile = next(patch_tiles(pictures, 1, settings, rng))
    for part in (tile.weight, tile.trust, tile.detail):
        assert not part.any()
    assert float(tile.crispness) == 0.0


def test_artwork_needs_no_pictures(rng: np.random.Generator):
    tiles = list(patch_tiles([], 4, replace(SMALL, artwork_odds=1.0), rng))
    assert np.median([tile.truth.std() for tile in tiles]) > 5.0  # one may lie in a ground


@pytest.mark.parametrize("mode", ["L", "LA", "RGBA"])
def test_grey_and_transparent_pictures_are_read(
    tmp_path: Path, mode: str, rng: np.random.Generator
):
    tile = next(patch_tiles([picture(tmp_path / "one.png", mode=mode)], 1, SMALL, rng))
    grey = bool((tile.truth[..., 0] == tile.truth[..., 1]).all())
    assert grey == (mode != "RGBA")


def test_a_picture_smaller_than_a_crop_is_named(tmp_path: Path, rng: np.random.Generator):
    small = picture(tmp_path / "stamp.png", side=255)
    with pytest.raises(CaptureError, match=r"stamp\.png.*255 x 255 px.*at least 256 px"):
        next(patch_tiles([small], 1, SMALL, rng))


def test_flat_pictures_are_refused(tmp_path: Path, rng: np.random.Generator):
    flat = tmp_path / "flat.png"
    Image.fromarray(np.full((260, 260, 3), 128, np.uint8)).save(flat)
    with pytest.raises(CaptureError, match="1 pictures without a crop of 256 px"):
        next(patch_tiles([flat], 1, SMALL, rng))
