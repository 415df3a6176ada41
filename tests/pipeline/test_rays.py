import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.oracles import rays as oracle
from texsr.pipeline.mesh import Mesh
from texsr.pipeline.rays import RayCaster


def ball(rings=24, sectors=48, radius=1.0, centre=(0.0, 0.0, 0.0)):
    """A closed latitude-longitude sphere whose seam vertices are repeated, as exporters do."""
    polar, turn = np.meshgrid(
        np.linspace(0, np.pi, rings + 1), np.linspace(0, 2 * np.pi, sectors + 1), indexing="ij"
    )
    vertices = np.stack(
        [np.sin(polar) * np.cos(turn), np.sin(polar) * np.sin(turn), np.cos(polar)], axis=-1
    )
    vertices[:, -1] = vertices[:, 0]
    index = np.arange((rings + 1) * (sectors + 1)).reshape(rings + 1, sectors + 1)
    a, b, c, d = index[:-1, :-1], index[1:, :-1], index[1:, 1:], index[:-1, 1:]
    faces = np.concatenate(
        [np.stack([a, b, c], -1).reshape(-1, 3), np.stack([a, c, d], -1).reshape(-1, 3)]
    )
    return Mesh(
        vertices=vertices.reshape(-1, 3) * radius + np.array(centre), faces=faces.astype(np.int32)
    )


def wall(z=0.0):
    return Mesh(
        vertices=np.array([[-1.0, -1, z], [1, -1, z], [1, 1, z], [-1, 1, z]]),
        faces=np.array([[0, 1, 2], [0, 2, 3]], np.int32),
    )


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), num_faces=st.integers(1, 12))
def test_first_hit_agrees_with_every_ray_against_every_face(seed, num_faces):
    rng = np.random.default_rng(seed)
    vertices = rng.uniform(-1, 1, (num_faces + 3, 3))
    faces = np.stack([rng.choice(len(vertices), 3, replace=False) for _ in range(num_faces)])
    origin, direction = rng.uniform(-3, 3, 3), rng.normal(size=3)
    assume(oracle.edge_gap(vertices, faces, origin, direction) > 1e-4)
    caster = RayCaster(Mesh(vertices=vertices, faces=faces.astype(np.int32)), threads=1)
    hits = caster.first_hit(origin[None], direction[None])
    face, distance = oracle.first_hit_of_one(vertices, faces, origin, direction)
    if face < 0:
        assert hits.face_id[0] == -1
        assert np.isinf(hits.distance[0])
    else:
        assert hits.distance[0] == pytest.approx(distance, rel=1e-9)


def test_point_from_barycentrics_is_point_along_ray():
    mesh = ball()
    rng = np.random.default_rng(1)
    origins = rng.normal(size=(500, 3)) * 3
    directions = rng.uniform(-0.5, 0.5, (500, 3)) - origins
    hits = RayCaster(mesh).first_hit(origins, directions)
    assert (hits.face_id >= 0).all()
    weights = np.concatenate([hits.bary, 1 - hits.bary.sum(axis=1, keepdims=True)], axis=1)
    assert weights.min() >= -1e-6
    met = np.einsum("nk,nkd->nd", weights, mesh.vertices[mesh.faces[hits.face_id]])
    assert np.abs(origins + hits.distance[:, None] * directions - met).max() < 1e-6


@pytest.mark.parametrize("spot", ["vertex", "edge"])
def test_closed_surface_lets_no_ray_out(spot):
    mesh = ball()
    corners = mesh.vertices[mesh.faces]
    aims = corners[:, 0] if spot == "vertex" else (corners[:, 0] + corners[:, 1]) / 2
    origins = np.broadcast_to(np.array([0.1, 0.2, 0.3]), aims.shape).copy()
    assert (RayCaster(mesh).first_hit(origins, aims - origins).face_id >= 0).all()


def test_far_from_the_world_origin_distances_stay_exact():
    shift = np.array([5.0e5, 4.0e6, 120.0])
    eye, down = np.array([[0.013, 0.007, 900.0]]), np.array([[0.0, 0.0, -1.0]])
    near = RayCaster(ball()).first_hit(eye, down)
    far = RayCaster(ball(centre=shift)).first_hit(eye + shift, down)
    assert far.face_id[0] == near.face_id[0]
    assert far.distance[0] == pytest.approx(near.distance[0], abs=1e-8)


def test_wall_blocks_what_is_behind_it_and_not_itself():
    caster = RayCaster(wall())
    eye = np.array([[0.1, 0.2, 5.0]] * 4)
    targets = np.array([[0.3, 0.3, -0.5], [0.3, 0.3, 0.0], [0.3, 0.3, 0.5], [4.0, 4.0, -0.5]])
    assert caster.blocked(eye, targets).tolist() == [True, False, False, False]


def test_grazing_lines_of_sight_do_not_speckle():
    caster = RayCaster(wall())
    rng = np.random.default_rng(2)
    targets = np.concatenate([rng.uniform(-1, 1, (4000, 2)), np.zeros((4000, 1))], axis=1)
    eye = np.broadcast_to(np.array([0.0, -60.0, 1.0]), targets.shape).copy()
    assert not caster.blocked(eye, targets).any()


def test_clearance_says_how_thin_a_part_still_blocks():
    caster = RayCaster(wall())
    eye, behind = np.array([[0.1, 0.2, 5.0]]), np.array([[0.1, 0.2, -0.01]])
    assert caster.blocked(eye, behind, clearance=0.005).all()
    assert not caster.blocked(eye, behind, clearance=0.02).any()


def test_degenerate_input_meets_nothing():
    empty = RayCaster(Mesh(vertices=np.zeros((0, 3)), faces=np.zeros((0, 3), np.int32)))
    ray = np.array([[0.0, 0.0, 1.0]])
    assert empty.first_hit(ray, -ray).face_id.tolist() == [-1]
    assert not empty.blocked(ray, -ray).any()
    sliver = Mesh(vertices=np.zeros((3, 3)), faces=np.array([[0, 1, 2]], np.int32))
    assert RayCaster(sliver).first_hit(ray, -ray).face_id.tolist() == [-1]
    no_direction = RayCaster(wall()).first_hit(ray, np.zeros((1, 3)))
    assert no_direction.face_id.tolist() == [-1]


def test_number_of_threads_changes_nothing():
    mesh = ball()
    rng = np.random.default_rng(3)
    origins = rng.normal(size=(200_000, 3)) * 2
    directions = -origins + rng.normal(size=origins.shape) * 0.5
    one, two = (RayCaster(mesh, threads=n).first_hit(origins, directions) for n in (1, 2))
    assert all(np.array_equal(a, b) for a, b in zip(one, two, strict=True))
