"""Texture-map folders come back as they were written; what does not fit the manifest is told."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from texsr.pipeline.atlas import ImageKind
from texsr.pipeline.dataset import (
    TextureMap,
    TextureMapSet,
    TextureTile,
    TilePixels,
    TileReference,
)
from texsr.pipeline.errors import CaptureError
from texsr.pipeline.formats.images import write_image
from texsr.pipeline.formats.texture_map_folders import (
    read_texture_maps,
    read_texture_tile,
    reference_name,
    write_texture_manifest,
    write_texture_tile,
)
from texsr.pipeline.tile import Region

NAME = "y00000_x00032"


@pytest.fixture
def pixels(rng) -> TilePixels:
    def noise(*size: int, dtype=np.uint8) -> np.ndarray:
        return rng.integers(0, np.iinfo(dtype).max, (*size, 3), dtype=dtype)

    return TilePixels(
        low=noise(8, 8, dtype=np.uint16),
        truth=noise(32, 32, dtype=np.uint16),
        mask=rng.random((32, 32)) > 0.3,
        references=(noise(17, 29), noise(40, 12)),
    )


@pytest.fixture
def root(tmp_path, rng, pixels) -> Path:
    """A set of one map of 64 x 32 texels with one tile."""
    root = tmp_path / "set"
    folder = root / "vase" / "tiles" / NAME
    write_texture_tile(folder, pixels)
    atlas = rng.integers(0, 256, (32, 64, 3), dtype=np.uint8)
    write_image(root / "vase" / "atlas.png", ImageKind.PNG, atlas)
    write_image(root / "vase" / "mask.png", ImageKind.PNG, atlas[..., :1])
    write_texture_manifest(expected(root), root)
    return root


def expected(root: Path) -> TextureMapSet:
    folder = root / "vase" / "tiles" / NAME
    tile = TextureTile(
        name=NAME,
        box=Region(x=32, y=0, width=32, height=32),
        mask_share=0.7,
        low=folder / "low.png",
        truth=folder / "truth.png",
        mask=folder / "mask.png",
        references=tuple(
            TileReference(view=view, path=folder / reference_name(index), shows=shows)
            for index, (view, shows) in enumerate([("a/1.jpg", 0.9), ("2.jpg", 0.25)])
        ),
    )
    one = TextureMap(
        name="vase",
        source="captures/vase",
        atlas=root / "vase" / "atlas.png",
        mask=root / "vase" / "mask.png",
        tiles=(tile,),
    )
    return TextureMapSet(
        root=root, scale=4, licence="CC0-1.0", validation_only=True, turned=True, maps=(one,)
    )


def test_a_set_comes_back_as_it_was_written(root, pixels):
    read = read_texture_maps(root)
    assert read == expected(root)
    assert read.num_tiles == 1
    tile = read_texture_tile(read.maps[0].tiles[0])
    for name in ("low", "truth", "mask"):
        old, new = getattr(pixels, name), getattr(tile, name)
        assert new.dtype == old.dtype
        np.testing.assert_array_equal(new, old)
    for old, new in zip(pixels.references, tile.references, strict=True):
        np.testing.assert_array_equal(new, old)


def edit(root: Path, change) -> None:
    path = root / "manifest.json"
    document = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(document))


def test_sets_made_before_crops_were_turned_say_so(root):
    edit(root, lambda d: d.pop("turned"))
    assert read_texture_maps(root) == replace(expected(root), turned=False)


def tile_of(document: dict) -> dict:
    return document["maps"][0]["tiles"][0]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda d: d.update(format="other"), "'other'; expected texsr-texture-maps"),
        (lambda d: d.update(version=2), "expected version 1"),
        (lambda d: d.update(scale=1), "scale: found 1"),
        (lambda d: d.update(scale=2), "low.png of 8 x 8 texels; expected 16 x 16"),
        (lambda d: d.pop("licence"), "no 'licence'"),
        (lambda d: d["maps"].append(d["maps"][0]), "stands twice"),
        (lambda d: d["maps"][0].update(name="../vase"), "leads out"),
        (lambda d: tile_of(d).update(name="../../x"), "leads out"),
        (lambda d: tile_of(d).update(box=[33, 0, 32, 32]), "multiples of 4"),
        (lambda d: tile_of(d).update(box=[32, 0, 32]), "multiples of 4"),
        (lambda d: tile_of(d).update(box=[36, 0, 32, 32]), "leaves the atlas"),
        (lambda d: tile_of(d).update(box=[0, 0, 32, 16]), "low.png of 8 x 8 texels"),
        (lambda d: tile_of(d)["references"].append({"view": "b", "shows": 1.0}), "ref_3.png"),
        (lambda d: tile_of(d).update(references=[{}] * 9), "9 references"),
    ],
)
def test_a_manifest_that_does_not_fit_is_told(change, said, root):
    edit(root, change)
    with pytest.raises(CaptureError, match=said):
        read_texture_maps(root)


def test_an_unfinished_folder_is_told(root):
    (root / "manifest.json").unlink()
    with pytest.raises(CaptureError, match=r"no manifest\.json"):
        read_texture_maps(root)


def test_bytes_that_are_no_text_are_told(root):
    (root / "manifest.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(CaptureError, match="UTF-8"):
        read_texture_maps(root)


def test_a_mask_of_another_size_is_told(root):
    write_image(root / "vase" / "mask.png", ImageKind.PNG, np.zeros((32, 32, 1), np.uint8))
    with pytest.raises(CaptureError, match="mask of another size"):
        read_texture_maps(root)


def test_a_picture_that_lost_its_colour_is_told(root, pixels):
    low = root / "vase" / "tiles" / NAME / "low.png"
    write_image(low, ImageKind.PNG, pixels.low[..., :1])
    (tile,) = read_texture_maps(root).maps[0].tiles
    with pytest.raises(CaptureError, match="1 channels"):
        read_texture_tile(tile)
