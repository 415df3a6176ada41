"""Faults that crops get: atlases softer than their photos, and photos that show edges twice."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.planes import drawn
from texsr.flows.training_data import DETAIL_STEP, Pack
from texsr.flows.training_faults import Faults, softened, worsened
from texsr.flows.training_presets import PRESETS, Preset
from texsr.flows.training_run import train
from texsr.models.resample import enlarge_faithfully, reduce
from texsr.pipeline.errors import SettingsError

SCALE, SIDE_TX, COUNT = 2, 24, 3


def stored(planes: torch.Tensor) -> np.ndarray:
    return torch.round(planes[0].permute(1, 2, 0).clamp(0, 1) * 255).to(torch.uint8).numpy()


def planes(color: np.ndarray) -> torch.Tensor:
    return torch.tensor(color).permute(2, 0, 1)[None].float() / 255


@pytest.fixture
def crop() -> Pack:
    """A crop whose photos show the truth; the last one sees nothing."""
    truth = stored(drawn(3, SIDE_TX * SCALE, SIDE_TX * SCALE)[None])
    low = stored(reduce(planes(truth), SCALE))
    added = planes(truth) - enlarge_faithfully(planes(low), SCALE)
    detail = torch.round(added / DETAIL_STEP).clamp(-127, 127).to(torch.int8).numpy()
    weight = np.full((COUNT, *truth.shape[:2]), 200, np.uint8)
    detail, weight[-1] = np.repeat(detail, COUNT, axis=0), 0
    detail[-1] = 0
    return Pack(
        low=low,
        truth=truth,
        covered=np.full(truth.shape[:2], 255, np.uint8),
        detail=detail,
        weight=weight,
        maps=np.ones((COUNT, 5, SIDE_TX, SIDE_TX), np.float16),
        trust=np.ones(COUNT, np.float32),
        crispness=np.asarray(0.0, np.float32),
    )


def contrast(image: np.ndarray) -> float:
    return float(np.square(np.diff(image.astype(float), axis=1)).mean())


def test_a_softer_truth_is_what_its_low_tile_comes_of_and_photos_look_as_before(crop):
    soft = softened(crop, 0.8)
    assert contrast(soft.truth) < 0.8 * contrast(crop.truth)
    off = reduce(planes(soft.truth), SCALE) - planes(soft.low)
    assert float(off.abs().max()) < 1.5 / 255
    before, now = (
        enlarge_faithfully(planes(one.low), SCALE)[0] + torch.tensor(one.detail[0]) * DETAIL_STEP
        for one in (crop, soft)
    )
    cut = np.abs(soft.detail[0].astype(int)) < 127
    assert float((before - now).abs()[torch.tensor(cut)].max()) < 2 * DETAIL_STEP
    assert not soft.detail[-1].any()


def test_a_doubled_photo_is_itself_and_itself_some_texels_off(crop):
    detail = np.zeros_like(crop.detail)
    detail[:, :, 20, 20] = 100
    found = worsened(replace(crop, detail=detail), np.random.default_rng(4), Faults(doubled=1.0))
    for photo in found.detail[:, 0].astype(int):
        y, x = np.nonzero(photo)
        assert abs(photo.sum() - 100) <= 1
        assert photo[20, 20] >= 50
        assert np.abs(y - 20).max() <= 2
        assert np.abs(x - 20).max() <= 2
    assert any(np.count_nonzero(photo[0]) == 2 for photo in found.detail)
    np.testing.assert_array_equal(found.truth, crop.truth)


def test_without_faults_nothing_is_drawn(crop):
    rng, same = np.random.default_rng(0), np.random.default_rng(0)
    assert worsened(crop, rng, Faults()) is crop
    assert rng.random() == same.random()


def test_so_many_crops_get_a_fault(crop):
    rng = np.random.default_rng(1)
    changed = [worsened(crop, rng, Faults(softer=0.3)) is not crop for _ in range(200)]
    assert 0.2 < np.mean(changed) < 0.4


def test_shares_are_shares():
    with pytest.raises(SettingsError, match="--doubled: found 2"):
        Faults(doubled=2.0)


def test_networks_over_pictures_refuse_them(job):
    recipe = replace(job.recipe, config=PRESETS[Preset.RRSR_SEED], faults=Faults(softer=0.5))
    with pytest.raises(SettingsError, match="--softer"):
        train(replace(job, recipe=recipe))


def test_trainings_with_and_without_differ_from_the_first_batch(job, tmp_path):
    losses = train(job).losses
    faults = replace(job.recipe, faults=Faults(softer=1.0, doubled=1.0))
    assert train(replace(job, out=tmp_path / "worse", recipe=faults)).losses != losses
