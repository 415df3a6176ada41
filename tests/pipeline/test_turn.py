"""A turn that was there is found, and no other would fit better."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from texsr.pipeline.errors import CaptureError
from texsr.pipeline.turn import Turn, fit_turn

seeds = st.integers(0, 2**32 - 1)


def turn_of(scale: float, angle_rad: float, mirrored: bool, shift: tuple[float, float]) -> Turn:
    cos, sin = np.cos(angle_rad), np.sin(angle_rad)
    linear = scale * np.array([[cos, -sin], [sin, cos]])
    if mirrored:
        linear = linear @ np.diag([1.0, -1.0])
    return Turn(linear=linear, offset=np.array(shift))


turns = st.builds(
    turn_of,
    st.floats(0.05, 20.0),
    st.floats(-4.0, 4.0),
    st.booleans(),
    st.tuples(st.floats(-5000, 5000), st.floats(-5000, 5000)),
)


def nearest(px: np.ndarray, texel: np.ndarray) -> Turn:
    """The same fit by complex numbers, the better of turned and turned after a mirror."""
    from_, to = (points @ [1, 1j] for points in (px, texel))
    middle, goal = from_.mean(), to.mean()
    best = None
    for mirrored in (False, True):
        given = (from_ - middle).conj() if mirrored else from_ - middle
        factor = (given.conj() * (to - goal)).sum() / (abs(given) ** 2).sum()
        off = (abs(to - goal - factor * given) ** 2).sum()
        if best is None or off < best[0]:
            best = off, factor, mirrored
    _, factor, mirrored = best
    linear = np.array([[factor.real, -factor.imag], [factor.imag, factor.real]])
    if mirrored:
        linear = linear @ np.diag([1.0, -1.0])
    return Turn(linear=linear, offset=texel.mean(axis=0) - linear @ px.mean(axis=0))


@given(turn=turns, seed=seeds, count=st.integers(3, 50))
def test_the_turn_that_was_is_found(turn, seed, count):
    px = np.random.default_rng(seed).uniform(0, 4000, (count, 2))
    found = fit_turn(px, turn.applied(px))
    np.testing.assert_allclose(found.applied(px), turn.applied(px), atol=1e-6)
    np.testing.assert_allclose(found.undone(turn.applied(px)), px, atol=1e-6)
    assert found.tx_per_px == pytest.approx(turn.tx_per_px)
    assert found.mirrored == turn.mirrored


@given(seed=seeds, count=st.integers(3, 20))
def test_nothing_fits_better(seed, count):
    """It agrees with a fit by complex numbers on points that no turn brings together."""
    px, texel = np.random.default_rng(seed).normal(size=(2, count, 2)) * 100
    found, other = fit_turn(px, texel), nearest(px, texel)
    np.testing.assert_allclose(found.applied(px), other.applied(px), atol=1e-6)


@given(turn=turns, x=st.integers(-99, 9999), y=st.integers(-99, 9999), seed=seeds)
def test_a_window_of_the_photo_turns_alike(turn, x, y, seed):
    px = np.random.default_rng(seed).uniform(0, 4000, (5, 2))
    there = turn.counted_from(x, y).applied(px - [x, y])
    np.testing.assert_allclose(there, turn.applied(px), atol=1e-6)


@given(angle_rad=st.floats(-3.0, 3.0), scale=st.floats(0.1, 10.0))
def test_points_on_a_line_are_not_mirrored(angle_rad, scale):
    px = np.outer(np.arange(5.0), [1.0, 2.0]) + 7.0
    turn = turn_of(scale, angle_rad, True, (3.0, 4.0))
    found = fit_turn(px, turn.applied(px))
    assert not found.mirrored
    np.testing.assert_allclose(found.applied(px), turn.applied(px), atol=1e-6)


def test_points_in_one_place_are_told():
    here, apart = np.full((4, 2), 3.0), np.array([[0, 0], [1, 0], [1, 1], [0, 1.0]])
    for px, texel in ((here, apart), (apart, here)):
        with pytest.raises(CaptureError, match="say nothing of their texels"):
            fit_turn(px, texel)
