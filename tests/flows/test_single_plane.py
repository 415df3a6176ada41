"""Answers without references for whole planes: the same in any pieces, and the tiles' own."""

import numpy as np
import pytest
import torch

from tests.pictures import picture
from tests.scene_cameras import orbit
from tests.scene_files import write_scene
from tests.scenes import Shape, make_scene
from texsr.flows import single_plane
from texsr.flows.ablations import Unlimited
from texsr.flows.progress import silent
from texsr.flows.settings import RunSettings
from texsr.flows.sharpen import build_upscaler, sharpen
from texsr.flows.single_plane import answer_without_references, on_disk
from texsr.models.precision import has_units_for_bf16
from texsr.models.resample import make_consistent
from texsr.pipeline.stages.load import LoadSettings, load_capture
from texsr.pipeline.tile import Region

SHAPE = 200, 168
HALF = 2.0**-12  # what half precision leaves of white


@pytest.fixture(autouse=True)
def in_single_precision(monkeypatch):
    """What is told here holds but for rounding, which a CPU with units for bf16 adds."""
    monkeypatch.setattr(torch.cpu, "get_capabilities", dict, raising=False)


@pytest.fixture(scope="module")
def upscaler():
    return build_upscaler("fast", "cpu")


@pytest.fixture(scope="module")
def low():
    return picture(2, *SHAPE)


def answered(upscaler, low, scale=4, **options):
    def part(region):
        return low[(slice(None), *region.slices)].contiguous()

    return answer_without_references(
        upscaler, SHAPE, part, scale, "cpu", **{"progress": silent, **options}
    )


def test_pieces_do_not_show(upscaler, low, monkeypatch):
    whole = upscaler.single_answer(low[None], 4)[0]
    monkeypatch.setattr(single_plane, "PIECE_TX", 64 + 2 * upscaler.single_overlap_tx)
    asked = []
    told = answered(upscaler, low, progress=lambda *one: asked.append(one))
    assert asked[-1] == ("single-image", 12, 12)
    region = Region(x=40, y=50, width=70, height=30)
    everything = told.over(Region(x=0, y=0, width=168, height=200))
    torch.testing.assert_close(everything[:3], whole[:3], **within())
    beyond = (everything - whole)[:3].abs() > 0.1 / 255 + HALF
    assert float(beyond.float().mean()) < 1e-5
    torch.testing.assert_close(told.over(region)[:3], whole[:3, 200:320, 160:440], **within())
    torch.testing.assert_close(everything[3:], whole[3:], atol=1e-3, rtol=2.0**-10)


@pytest.mark.skipif(not has_units_for_bf16("cpu"), reason="this CPU has no units for bf16")
def test_in_half_precision_it_is_the_same_but_for_noise_far_below_that_of_photos(
    upscaler, low, monkeypatch
):
    exact = upscaler.single_answer(low[None], 4)
    monkeypatch.undo()
    told = upscaler.single_answer(low[None], 4)
    features, seen = told[:, 3:], exact[:, 3:]
    assert float((features - seen).square().mean()) < 4e-4 * float(seen.square().mean())
    off = (told - exact)[:, :3]
    assert float(off.square().mean().sqrt()) < 0.6 / 255
    made_true = [make_consistent(one[:, :3], low[None], 4) for one in (told, exact)]
    assert float((made_true[0] - made_true[1]).mean().abs()) < 0.002 / 255


def within() -> dict[str, float]:
    return {"atol": 0.15 / 255 + HALF, "rtol": 0.0}


def test_where_nothing_is_wanted_nothing_is_asked(upscaler, low, monkeypatch, tmp_path):
    monkeypatch.setattr(single_plane, "PIECE_TX", 64 + 2 * upscaler.single_overlap_tx)
    kept = tmp_path / "single.raw"
    told = answered(upscaler, low, room=on_disk(kept), of_use=lambda region: region.x == 0)
    planes = upscaler.single_planes(4)
    assert kept.stat().st_size == 2 * planes * 16 * SHAPE[0] * SHAPE[1]
    assert (told.over(Region(x=0, y=0, width=64, height=64)) != 0.0).float().mean() > 0.99
    right = told.over(Region(x=128, y=0, width=40, height=64))
    assert torch.equal(right, torch.zeros_like(right))


def test_who_has_no_such_answer_is_not_asked(low):
    for name in ("bicubic", "projection", "masa"):
        assert answered(build_upscaler(name, "cpu"), low) is None
        assert answered(Unlimited(inner=build_upscaler(name, "cpu")), low) is None


def test_twice_the_native_scale_has_the_native_answer(upscaler, low):
    beyond, native = (answered(Unlimited(inner=upscaler), low, scale) for scale in (8, 4))
    assert (beyond.scale, native.scale) == (4, 4)
    np.testing.assert_array_equal(beyond.answer, native.answer)


def test_it_stands_where_no_photo_does(upscaler, low):
    tile, given = low[None, :, :24, :32], torch.rand(1, 3, 96, 128)
    own = upscaler.single_answer(tile, 4)
    told, plain = upscaler(tile, None, 4, given).high, upscaler(tile, None, 4).high
    torch.testing.assert_close(plain, upscaler(tile, None, 4, own).high)
    moved = make_consistent(given, tile, 4) - make_consistent(own[:, :3], tile, 4)
    torch.testing.assert_close(told - plain, moved, atol=1e-4, rtol=0)


def test_neither_tiles_nor_what_is_kept_show_in_a_run(tmp_path):
    half = orbit(4, half=True)  # the other half of the cube is seen by none
    scene = make_scene(Shape.CUBE, low_tx=48, cameras=half)
    capture = load_capture(write_scene(scene, tmp_path / "cube"), LoadSettings())
    made: list[np.ndarray] = []
    for size in (16, 48):
        work = tmp_path / str(size)
        work.mkdir()
        done = sharpen(capture, RunSettings(model="fast", tile_size_tx=size), work)
        assert not list(work.glob("single*"))
        made.append(np.asarray(done.textures[0]).astype(int))
    covered = np.asarray(done.provenance[0])[..., 0] > 0
    assert np.abs(made[0] - made[1])[covered].max() <= 1
