"""Where photos show a picture, found piece by piece: tiles are told it in their own places."""

from collections.abc import Sequence
from typing import Any

import pytest
import torch
from torch import Tensor

from texsr.flows import photo_sights
from texsr.flows.photo_sights import find_photos_ahead
from texsr.flows.progress import silent
from texsr.pipeline.references import Cropped, Sight
from texsr.pipeline.tile import Region

HEIGHT, WIDTH = 70, 90
WIDE = 1000  # patches in a row of the photo
MAP = torch.tensor([[1.1, -0.05, 4.0], [0.02, 0.93, -2.5]])


def places(region: Region) -> Tensor:
    rows, columns = region.slices
    y, x = torch.meshgrid(
        torch.arange(float(rows.start), rows.stop),
        torch.arange(float(columns.start), columns.stop),
        indexing="ij",
    )
    return torch.stack([x, y, torch.ones_like(x)])


class Knowing:
    """Finds a photo along one map; it reads off a piece where on the picture that lies."""

    name, scales, overlap_tx, max_references = "knowing", (4,), 8, None

    def sights(self, low: Tensor, references: Any, scale: int) -> Sequence[Any]:
        where = low[0]
        there = torch.einsum("di,ihw->dhw", MAP, where)
        own = places(Region(x=0, y=0, width=where.shape[2], height=where.shape[1]))[:2]
        patch = (where[1] * WIDE + where[0])[:-2, :-2].long()
        found = Sight(patch=patch, similarity=patch.float() / 1e6, flow=there - own)
        return [found] * len(references.photos)

    def bytes_per_texel(self, num_references: int, scale: int) -> int:
        return 1

    def fitted(self, samples: object, scale: int) -> "Knowing":
        return self

    def __call__(self, low: Tensor, references: Any, scale: int) -> Any:
        raise NotImplementedError


@pytest.mark.parametrize(("piece", "overlap"), [(256, 48), (32, 12), (40, 7)])
@pytest.mark.parametrize(
    "tile", [Region(x=0, y=0, width=WIDTH, height=HEIGHT), Region(x=27, y=13, width=41, height=50)]
)
def test_tiles_are_told_where_their_texels_are_shown(monkeypatch, piece, overlap, tile):
    monkeypatch.setattr(photo_sights, "PIECE_TX", piece)
    monkeypatch.setattr(photo_sights, "OVERLAP_TX", overlap)
    photos = Cropped(photos=[torch.zeros(3, 8, 8), torch.zeros(3, 9, 9)])
    ahead = find_photos_ahead(Knowing(), photos, (HEIGHT, WIDTH), places, 4, "cpu", silent)
    assert ahead is not None
    told = ahead.over(tile)
    assert all(one is given for one, given in zip(told.photos, photos.photos, strict=True))
    assert len(told.sights) == 2
    for sight in told.sights:
        own = places(Region(x=0, y=0, width=tile.width, height=tile.height))[:2]
        there = torch.einsum("di,ihw->dhw", MAP, places(tile))
        torch.testing.assert_close(sight.flow, there - own, atol=1e-3, rtol=0)
        x, y, _ = places(tile)[:, :-2, :-2]
        assert torch.equal(sight.patch, (y * WIDE + x).long())
        torch.testing.assert_close(sight.similarity, (y * WIDE + x) / 1e6)


@pytest.mark.parametrize(
    ("piece", "overlap", "num_pieces"), [(256, 48, 1), (32, 12, 3), (40, 7, 2)]
)
def test_a_photo_is_looked_for_where_it_is_for_and_nowhere_else(
    monkeypatch, piece, overlap, num_pieces
):
    monkeypatch.setattr(photo_sights, "PIECE_TX", piece)
    monkeypatch.setattr(photo_sights, "OVERLAP_TX", overlap)
    own = Region(x=5, y=10, width=67, height=28)
    photos = Cropped(
        photos=[torch.zeros(3, 8, 8), torch.zeros(3, 9, 9)], px=(0.5, 0.7), regions=(None, own)
    )
    asked = list[Region]()

    def color(region: Region) -> Tensor:
        asked.append(region)
        return places(region)

    ahead = find_photos_ahead(Knowing(), photos, (HEIGHT, WIDTH), color, 4, "cpu", silent)
    assert ahead is not None
    assert sum(region.intersected(own) == region for region in asked) == num_pieces
    _, told = ahead.over(Region(x=0, y=0, width=WIDTH, height=HEIGHT)).sights
    rows, columns = own.slices
    inner = slice(rows.start, rows.stop - 2), slice(columns.start, columns.stop - 2)
    x, y, _ = places(own)[:, :-2, :-2]
    assert torch.equal(told.patch[inner], (y * WIDE + x).long())
    assert float(told.similarity[inner].min()) >= 0.0
    flow = torch.einsum("di,ihw->dhw", MAP, places(own)) - places(own)[:2]
    torch.testing.assert_close(told.flow[:, rows, columns], flow, atol=1e-3, rtol=0)
    beyond = told.similarity.clone()
    beyond[inner] = -1.0
    assert bool((beyond == -1.0).all())
    assert torch.equal(told.flow[:, 0, columns], told.flow[:, rows.start, columns])
    far = ahead.over(Region(x=75, y=30, width=15, height=40))
    assert (far.px, len(far.photos), len(far.sights)) == ((0.5,), 1, 1)


def test_pictures_smaller_than_a_patch_and_no_photos_are_left_to_the_tiles():
    photos = Cropped(photos=[torch.zeros(3, 8, 8)])
    assert find_photos_ahead(Knowing(), photos, (2, 90), places, 4, "cpu", silent) is None
    assert find_photos_ahead(Knowing(), None, (70, 90), places, 4, "cpu", silent) is None
