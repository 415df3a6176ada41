"""A head on the default network: nothing at first, any size, the same in any tiling."""

from types import SimpleNamespace

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from tests.tiny_heads import read_network, write_head, write_model
from texsr.models.alignment import align
from texsr.models.architectures import choose, load_upscaler
from texsr.models.batches import Batch
from texsr.models.checkpoint import CheckpointError
from texsr.models.grids import Grid, brought_to, whole_grid
from texsr.models.head_learner import HeadLearner
from texsr.models.headed_upscaler import HeadedUpscaler
from texsr.models.heads import load_headed
from texsr.models.learner import Learner, TrainingSettings
from texsr.models.resample import reduce
from texsr.models.training import Trainer

SCALES = [1.5, 2.0, 2.7, 3.0, 4.0, 5.3, 8.0]


def noise(seed: int, *shape: int) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


def picture(height: int, width: int, seed: int = 0) -> Tensor:
    return functional.interpolate(noise(seed, 1, 3, 5, 7), (height, width), mode="bicubic")


def warped(low: Tensor, scale: int, count: int = 2):
    high = (low.shape[2] * scale, low.shape[3] * scale)
    return SimpleNamespace(
        color=noise(3, 1, count, 3, *high) * 0.1
        + functional.interpolate(low, high, mode="bilinear")[:, None],
        weight=torch.ones(1, count, *high),
        prior=torch.ones(1, count, 2, *low.shape[2:]),
        trust=torch.ones(1, count),
    )


@pytest.fixture
def model(tmp_path):
    return write_model(tmp_path / "tiny.safetensors")


def headed(model, says: float = 0.0) -> HeadedUpscaler:
    path = write_head(model.with_name("head.safetensors"), model, says=says)
    return load_headed(load_upscaler(model), choose(model), path, device="cpu")


def grid_at(low: Tensor, scale: float) -> Grid:
    height, width = low.shape[2:]
    return whole_grid((height, width), (round(height * scale), round(width * scale)))


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("seen", [True, False])
def test_an_untrained_head_gives_the_answer_resampled(model, scale, seen):
    upscaler, low = headed(model), picture(20, 16)
    native = 4 if scale <= 4 else 8
    references = warped(low, native) if seen else None
    grid = grid_at(low, scale)
    found = upscaler.at(low, references, native, grid)
    whole = load_upscaler(model)(low, references, native)
    for ours, theirs in zip(found, whole, strict=True):
        expected = brought_to(grid, theirs, (20, 16))
        torch.testing.assert_close(ours, expected.clamp(0, 1) if ours.shape[1] == 1 else expected)


@pytest.mark.parametrize("size", [(1, 1), (5, 2), (17, 30)])
@pytest.mark.parametrize("ratio", [(1.5, 1.5), (2.3, 3.9), (4.0, 1.7)])
def test_any_size_goes_in_and_any_comes_out(model, size, ratio):
    low = picture(*size)
    wanted = tuple(round(side * by) for side, by in zip(size, ratio, strict=True))
    found = headed(model, 0.05).at(low, None, 4, whole_grid(size, wanted))
    assert found.high.shape == (1, 3, *wanted)
    assert found.confidence.shape == found.evidence.shape == (1, 1, *wanted)
    assert bool(torch.isfinite(found.high).all())


@pytest.mark.parametrize("scale", SCALES)
def test_what_a_head_adds_leaves_the_low_tile_as_it_was(model, scale):
    low, grid = picture(20, 16), grid_at(picture(20, 16), scale)
    native = 4 if scale <= 4 else 8
    plain = headed(model).at(low, None, native, grid).high
    said = headed(model, 0.05).at(low, None, native, grid).high
    added = said - plain
    assert float(added.abs().max()) > 1e-3
    reduced = functional.interpolate(added, (20, 16), mode="bicubic", antialias=True)
    assert float(reduced.abs().max()) < 1e-5
    if scale == 4:
        torch.testing.assert_close(reduce(said, 4), reduce(plain, 4), atol=1e-5, rtol=0)


@pytest.mark.parametrize("scale", [1.5, 2.7, 3.0, 4.0])
def test_tiles_give_what_the_whole_gives(model, scale):
    upscaler = headed(model, 0.05)
    low = picture(70, 66)
    grid = grid_at(low, scale)
    whole = upscaler.at(low, None, 4, grid).high
    top, left, edge = 9, 5, upscaler.overlap_tx
    side = 20 + 2 * edge
    rows, columns = (
        (at > start) & (at < start + side) for at, start in ((grid.rows, top), (grid.columns, left))
    )
    part = Grid(grid.rows[rows] - top, grid.columns[columns] - left, grid.texel)
    tile = low[:, :, top : top + side, left : left + side]
    error = upscaler.at(tile, None, 4, part).high - whole[:, :, rows][..., columns]
    core = [(at > edge) & (at < side - edge) for at in part[:2]]
    assert min(int(inside.sum()) for inside in core) >= 28
    assert float(error[:, :, core[0]][..., core[1]].abs().max()) < 0.1 / 255


def test_a_head_goes_with_one_checkpoint(model, tmp_path):
    head = write_head(tmp_path / "head.safetensors", model)
    other = write_model(tmp_path / "other.safetensors", seed=1)
    with pytest.raises(CheckpointError, match="a head for another checkpoint") as caught:
        load_headed(load_upscaler(other), choose(other), head, device="cpu")
    assert "'tiny'" in caught.value.expected
    with pytest.raises(CheckpointError, match="a head for another checkpoint"):
        load_headed(load_upscaler("bicubic"), choose("bicubic"), head, device="cpu")
    with pytest.raises(CheckpointError, match="a model of architecture 'texsr'"):
        load_headed(load_upscaler(model), choose(model), other, device="cpu")
    with pytest.raises(CheckpointError, match="give it with --head"):
        load_upscaler(head)


def test_a_head_is_asked_at_the_scale_that_it_learnt_at(tmp_path):
    model = write_model(tmp_path / "two.safetensors", scales=(2, 4))
    assert load_upscaler(model).scales == (2, 4, 8)
    assert headed(model).scales == (4, 8)


def test_it_learns_and_the_network_under_it_does_not(model):
    trunk = read_network(model)
    before = {name: value.clone() for name, value in trunk.state_dict().items()}
    head = read_network(write_head(model.with_name("head.safetensors"), model))
    learner = HeadLearner(head.requires_grad_(True), TrainingSettings(steps=80, rate=4e-3), trunk)
    assert isinstance(learner, Learner)
    truth = (picture(64, 64) > 0.5).float()
    low = reduce(truth, 4)
    batch = Batch(low, align(low, None, 4), truth, torch.ones(1, 1, 64, 64))
    trainer = Trainer(learner)
    losses = [trainer.step(batch, 4)["l1"] for _ in range(80)]
    assert losses[-1] < 0.97 * losses[0]
    for name, value in trunk.state_dict().items():
        assert torch.equal(value, before[name]), name
    assert set(trainer.averaged) == set(head.state_dict())
