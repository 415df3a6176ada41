"""Selection takes what adds most, cell by cell, and says why."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from texsr.pipeline.fit import ViewFit
from texsr.pipeline.stages.select import CELL_TX, Selection, ViewFacts, select
from texsr.pipeline.tile import Region

SIDE = 64  # four cells a side
CELLS = SIDE // CELL_TX
COVERED = np.ones((SIDE, SIDE), bool)


def view(
    name: str,
    *,
    azimuth: float = 0.0,
    weight: float | np.ndarray = 0.8,
    px_per_texel: float = 1.0,
    trust: float = 0.9,
    sharpness: float = 1.0,
) -> ViewFacts:
    seen = np.broadcast_to(np.asarray(weight, np.float32), (SIDE, SIDE)).copy()
    return ViewFacts(
        name=name,
        weight=seen,
        px_per_texel=np.where(seen > 0, np.float32(px_per_texel), np.float32(0)),
        direction=np.array([np.cos(azimuth), np.sin(azimuth), 0.0]),
        fit=ViewFit(
            shift_px=np.zeros((1, 1, 2), np.float32),
            cell_px=100.0,
            median_shift_px=0.0,
            trust=trust,
            noise=0.01,
            sharpness=sharpness,
            gain=1.0,
        ),
    )


def half(side: str) -> np.ndarray:
    weight = np.zeros((SIDE, SIDE), np.float32)
    weight[:, : SIDE // 2] = side == "left"
    weight[:, SIDE // 2 :] = side == "right"
    return weight


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), count=st.integers(0, 9), wanted=st.integers(0, 6))
def test_no_cell_gets_more_than_asked_for_nor_a_view_that_does_not_see_it(seed, count, wanted):
    rng = np.random.default_rng(seed)
    views = []
    for i in range(count):
        weight = np.kron(rng.random((CELLS, CELLS)) < 0.6, np.ones((CELL_TX, CELL_TX)))
        views.append(
            view(
                f"{i}",
                azimuth=rng.uniform(0, 6),
                weight=weight * rng.random(),
                px_per_texel=rng.uniform(0.2, 2),
                trust=rng.uniform(0.1, 1),
            )
        )
    got = select(views, COVERED, wanted)
    assert got.allowed.shape == (count, CELLS, CELLS)
    assert (got.allowed.sum(axis=0) <= wanted).all()
    for k, one in enumerate(views):
        sees = one.weight.reshape(CELLS, CELL_TX, CELLS, CELL_TX).any(axis=(1, 3))
        assert not (got.allowed[k] & ~sees).any()
    assert len(got.reasons) == count
    assert all(got.reasons)


def test_all_views_that_agree_with_the_atlas_are_taken_when_no_number_is_given():
    views = [view("a"), view("b", azimuth=1.0), view("decoy", azimuth=2.0, trust=0.001)]
    got = select(views, COVERED, None)
    assert got.allowed[:2].all()
    assert not got.allowed[2].any()
    assert "does not show this surface" in got.reasons[2]


def test_of_two_photos_the_better_is_taken():
    for worse in (
        {"px_per_texel": 0.4},
        {"weight": 0.3},
        {"trust": 0.3},
        {"sharpness": 0.3},
    ):
        views = [view("worse", azimuth=1.0, **worse), view("better")]
        got = select(views, COVERED, 1)
        assert got.allowed[1].all(), worse
        assert not got.allowed[0].any(), worse


def test_finer_than_texels_can_hold_is_no_better():
    views = [view("fine", px_per_texel=1.5), view("finer", azimuth=1.0, px_per_texel=9.0)]
    assert select(views, COVERED, 1).allowed[0].all()


def test_a_twin_is_passed_over_for_another_direction():
    """The second best photo is the best one's neighbour: a somewhat worse one adds more."""
    views = [
        view("best"),
        view("twin", azimuth=0.01, weight=0.79),
        view("other", azimuth=1.2, weight=0.55),
    ]
    got = select(views, COVERED, 2)
    assert got.allowed[0].all()
    assert got.allowed[2].all()
    assert not got.allowed[1].any()
    assert "others see the same places better" in got.reasons[1]
    assert select(views, COVERED, 3).allowed.all()


def test_where_none_are_given_that_is_the_reason():
    got = select([view("one"), view("other", azimuth=1.2)], COVERED, 0)
    assert not got.allowed.any()
    assert got.reasons == ("the model is given no photos",) * 2


def test_each_part_of_the_surface_gets_the_views_that_see_it():
    views = [view("left", weight=half("left")), view("right", azimuth=2.0, weight=half("right"))]
    got = select(views, COVERED, 1)
    assert got.allowed[0, :, : CELLS // 2].all()
    assert not got.allowed[0, :, CELLS // 2 :].any()
    assert got.allowed[1, :, CELLS // 2 :].all()
    assert "50% of the cells" in got.reasons[0]


def test_within_a_cell_the_unseen_quarter_counts_more_than_the_seen_one():
    """A view of another quarter is taken before a second view of the same one."""
    corner = np.zeros((SIDE, SIDE), np.float32)
    other = corner.copy()
    corner[: CELL_TX // 2, : CELL_TX // 2] = 1.0
    other[CELL_TX // 2 : CELL_TX, CELL_TX // 2 : CELL_TX] = 0.6
    views = [
        view("first", weight=corner),
        view("again", azimuth=1.5, weight=corner * 0.9),
        view("elsewhere", azimuth=3.0, weight=other),
    ]
    allowed = select(views, COVERED, 2).allowed[:, 0, 0]
    assert allowed.tolist() == [True, False, True]


def test_ties_go_to_the_first_name_and_the_choice_is_repeatable():
    views = [view("a"), view("b", azimuth=2.0), view("c", azimuth=4.0)]
    one, again = (select(views, COVERED, 1) for _ in range(2))
    assert one.allowed[0].all()
    np.testing.assert_array_equal(one.allowed, again.allowed)


def test_a_blind_view_is_told_so():
    got = select([view("a"), view("blind", weight=0.0, azimuth=1.0)], COVERED, 2)
    assert got.reasons[1] == "sees nothing of the surface"
    assert not got.allowed[1].any()


def test_merits_are_named():
    views = [
        view("plain", weight=0.3, px_per_texel=0.5, trust=0.5),
        view("fine", azimuth=1.0, weight=0.9, px_per_texel=1.4, trust=0.95),
        view("dim", azimuth=2.0, weight=0.3, px_per_texel=0.5, trust=0.5),
    ]
    reasons = select(views, COVERED, None).reasons
    for merit in ("finest resolution", "agrees best", "straight on"):
        assert merit in reasons[1]
        assert merit not in reasons[0]


def test_no_views_give_an_empty_selection():
    got = select([], COVERED, 4)
    assert got.allowed.shape == (0, CELLS, CELLS)
    assert got.reasons == ()


@pytest.mark.parametrize("shape", [(1, 1), (17, 33), (48, 31)])
def test_atlases_of_any_size_are_cut_into_whole_cells(shape):
    facts = view("a")
    crop = ViewFacts(
        name="a",
        weight=facts.weight[: shape[0], : shape[1]],
        px_per_texel=facts.px_per_texel[: shape[0], : shape[1]],
        direction=facts.direction,
        fit=facts.fit,
    )
    got = select([crop], np.ones(shape, bool), 1)
    assert got.allowed.shape == (1, -(-shape[0] // CELL_TX), -(-shape[1] // CELL_TX))
    assert got.allowed.all()


def test_shares_fade_across_the_borders_of_cells():
    allowed = np.zeros((1, 2, 2), bool)
    allowed[0, :, 0] = True
    share = Selection(allowed=allowed, reasons=("",)).share(0, (32, 32))
    np.testing.assert_array_equal(share[:, :8], 1.0)
    np.testing.assert_array_equal(share[:, 24:], 0.0)
    assert (np.diff(share, axis=1) <= 0).all()
    assert np.abs(np.diff(share, axis=1)).max() <= 1 / 16 + 1e-6
    assert share[0, 15:17].mean() == pytest.approx(0.5)


def test_shares_are_the_same_wherever_a_tile_is_cut():
    rng = np.random.default_rng(1)
    selection = Selection(allowed=rng.random((3, 5, 4)) < 0.5, reasons=("", "", ""))
    whole = selection.share(1, (80, 64))
    for region in (Region(x=3, y=7, width=20, height=31), Region(x=40, y=50, width=24, height=30)):
        part = whole[region.slices]
        again = selection.share(1, (80, 64))[region.slices]
        np.testing.assert_array_equal(part, again)
        assert part.shape == (region.height, region.width)
    fine = selection.share(1, (320, 256))
    low = fine.reshape(80, 4, 64, 4).mean(axis=(1, 3))
    assert np.abs(low - whole).max() < 0.05


def test_a_view_allowed_everywhere_is_shared_wholly():
    selection = Selection(allowed=np.ones((1, 3, 3), bool), reasons=("",))
    np.testing.assert_array_equal(selection.share(0, (37, 41)), 1.0)
