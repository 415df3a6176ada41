"""A warped photo shows the surface's own colours; a crop shows all that was asked for."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch

from tests.scene_cameras import look_at
from tests.scenes import Scene, Shape, endless, make_scene, waves
from texsr.pipeline.camera import Camera
from texsr.pipeline.capture import Photo
from texsr.pipeline.fit import ViewFit
from texsr.pipeline.pyramid import PhotoPyramid
from texsr.pipeline.rays import RayCaster
from texsr.pipeline.references import Reference, stack
from texsr.pipeline.spline import sample_spline
from texsr.pipeline.stages.rasterize import rasterize
from texsr.pipeline.stages.reference import LowSight, TileSurface, crop, tile_surface, warp
from texsr.pipeline.stages.visibility import feathered, footprints, look, surface_points
from texsr.pipeline.tile import Region

LOW, SCALE = 16, 4


def fit_of(shift: np.ndarray | None = None, *, cell_px: float = 1000.0) -> ViewFit:
    return ViewFit(
        shift_px=np.zeros((1, 1, 2), np.float32) if shift is None else shift.astype(np.float32),
        cell_px=cell_px,
        median_shift_px=0.0,
        trust=1.0,
        noise=0.0,
        sharpness=1.0,
        gain=1.0,
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Bench:
    """A plane, one photo of it, and what the photo's view sees of the whole atlas."""

    scene: Scene
    surface: TileSurface
    position: np.ndarray
    sight: LowSight
    camera: Camera
    photo: Photo

    def warped(self, photo: Photo | None = None, fit: ViewFit | None = None) -> Reference:
        made = warp(
            0,
            self.camera,
            fit or fit_of(),
            PhotoPyramid(photo or self.photo),
            self.surface,
            self.sight,
        )
        assert made is not None
        return made


def bench(eye=(0.3, -0.2, 3.0), *, size_px: int = 64, focal: float = 1.3, valid=None) -> Bench:
    camera = look_at(eye, size_px=size_px, focal=focal)
    color = waves(cycles_per_unit=3.0)
    scene = make_scene(Shape.PLANE, low_tx=LOW, scale=SCALE, cameras=[], color_of=color)
    mesh = scene.surface.mesh
    region = Region(x=0, y=0, width=LOW, height=LOW)
    normals = mesh.face_normals(), mesh.vertex_normals()
    low_map = rasterize(scene.surface, 0, (LOW, LOW), region, conservative_tx=1.0)
    low = surface_points(mesh, low_map, *normals)
    side = LOW * SCALE
    high = rasterize(scene.surface, 0, (side, side), region.scaled(SCALE), conservative_tx=2.0)
    seen = np.zeros((LOW, LOW), bool)
    cosine, fine = np.zeros((LOW, LOW), np.float32), np.zeros((LOW, LOW), np.float32)
    sight = look(low, camera, RayCaster(mesh), valid)
    seen[low_map.covered], cosine[low_map.covered] = sight.seen, sight.cosine
    areas = np.abs(scene.surface.charts.uv_areas()) * side**2
    fine[seen] = footprints(mesh, low.face_id[sight.seen], areas, camera)
    return Bench(
        scene=scene,
        surface=tile_surface(high.positions(mesh), high.covered),
        position=high.positions(mesh),
        sight=LowSight(
            weight=feathered(seen, np.where(low_map.covered, np.int32(0), np.int32(-1))),
            cosine=cosine,
            px_per_texel=fine,
            covered=low_map.covered,
        ),
        camera=camera,
        photo=endless(camera, color),
    )


def error(made: Bench, reference: Reference) -> np.ndarray:
    """|colour - the surface's own|, in 1/255, where the view counts."""
    counts = (reference.weight > 0)[made.surface.covered].numpy()
    got = reference.color.permute(1, 2, 0)[made.surface.covered].numpy()[counts]
    return np.abs(got - made.scene.color_of(made.position[counts])) * 255


@pytest.mark.parametrize("eye", [(0, 0, 3), (0.3, -0.2, 3.0), (1.2, 0.8, 3.2)])
def test_a_warped_photo_shows_the_texture_of_the_surface(eye):
    """To a grey level and a half: what 8 bits and the blur of a pixel leave."""
    made = bench(eye, focal=1.0)
    off = error(made, made.warped())
    assert off.size > 4000
    assert np.sqrt((off**2).mean()) < 1.5
    assert off.max() < 8.0


def test_photo_and_texel_are_registered_to_a_small_part_of_a_pixel():
    """Least squares on the photo's slopes finds no shift left."""
    made = bench()
    reference = made.warped()
    px, _ = made.camera.project(made.position)
    step = 1e-4
    scale_m = 3.0 / (1.3 * 64)  # capture units a photo pixel spans
    truth = made.scene.color_of(made.position)
    slopes = [
        (made.scene.color_of(made.position + np.eye(3)[a] * step) - truth) / step * scale_m
        for a in (0, 1)
    ]
    got = reference.color.permute(1, 2, 0)[made.surface.covered].numpy()
    matrix = np.stack([slope.ravel() for slope in slopes], axis=1)
    shift, *_ = np.linalg.lstsq(matrix, (got - truth).ravel(), rcond=None)
    assert np.hypot(*shift) < 0.02
    assert len(px) == len(got)


def test_colour_is_zero_where_the_weight_is_and_the_weight_stays_within_one():
    made = bench((0.2, 0.1, 1.3), size_px=100, focal=1.0)
    reference = made.warped()
    assert 0 < int((reference.weight > 0).sum()) < reference.weight.numel()
    assert bool((reference.color[:, reference.weight == 0] == 0).all())
    assert float(reference.weight.min()) >= 0
    assert float(reference.weight.max()) <= 1
    assert bool((reference.weight[~made.surface.covered] == 0).all())
    assert reference.color.shape == (3, LOW * SCALE, LOW * SCALE)


def test_the_prior_tells_angle_and_resolution_of_the_low_texels():
    made = bench((0, 0, 3.0), size_px=64, focal=1.3)
    reference = made.warped()
    cosine, px_per_texel = reference.prior[:, torch.from_numpy(made.sight.covered)]
    assert float(cosine.min()) > 0.8
    side_tx = np.sqrt(np.abs(made.scene.surface.charts.uv_areas()).sum()) * LOW * SCALE
    expected = 2.0 / side_tx * 1.3 * 64 / 3.0
    np.testing.assert_allclose(px_per_texel.numpy(), expected, rtol=1e-4)


def test_a_whole_pixel_of_shift_is_a_whole_pixel():
    """A photo moved by (2, -1) px under a fit that says so warps to the same."""
    made = bench((0, 0, 3.0), focal=1.1)
    moved = replace(made.photo, color=np.roll(made.photo.color, (-1, 2), axis=(0, 1)))
    straight = made.warped()
    corrected = made.warped(moved, fit_of(np.array([[[2.0, -1.0]]])))
    torch.testing.assert_close(corrected.color, straight.color, atol=2e-4, rtol=0)


def test_a_field_of_shifts_is_interpolated_as_the_fit_says():
    made = bench()
    field = np.random.default_rng(0).normal(size=(5, 6, 2)) * 2
    fit = fit_of(field, cell_px=30.0)
    reference = made.warped(fit=fit)
    px, _ = made.camera.project(made.position)
    sampled = PhotoPyramid(made.photo).sample(
        torch.from_numpy(fit.moved(px).astype(np.float32)), torch.ones(len(px))
    )
    seen = (reference.weight > 0)[made.surface.covered]
    got = reference.color[:, made.surface.covered][:, seen]
    torch.testing.assert_close(got, sampled[:, seen], atol=5e-3, rtol=0)


@pytest.mark.parametrize("shift", [0.0, 1.3])
def test_the_part_of_a_photo_tells_where_its_colours_come_from(shift):
    made = bench()
    found = made.warped(fit=fit_of(np.full((1, 1, 2), shift)))
    seen = found.weight > 0
    sampled = sample_spline(found.part.pixels, found.part.px[:, seen].T.contiguous())
    torch.testing.assert_close(sampled, found.color[:, seen], atol=1e-3, rtol=0)
    assert not found.part.px[:, ~seen].any()
    inside = torch.tensor(found.part.pixels.shape[:0:-1])[:, None]
    assert bool((found.part.px[:, seen] < inside).all())


def test_far_from_the_origin_of_the_world_nothing_is_lost():
    """Georeferenced captures count in thousands of kilometres."""
    made = bench()
    offset = np.array([4.2e5, -5.1e6, 312.0])
    pose = made.camera.cam_from_world.copy()
    pose[:3, 3] -= pose[:3, :3] @ offset
    far = replace(
        made,
        camera=replace(made.camera, cam_from_world=pose),
        surface=tile_surface(made.position + offset, made.surface.covered.numpy()),
    )
    torch.testing.assert_close(far.warped().color, made.warped().color, atol=2e-3, rtol=0)


def test_a_photo_much_finer_than_the_texels_does_not_alias():
    """Grain of the size of a pixel, averaged over each texel, all but disappears."""
    made = bench((0, 0, 3.0), size_px=300)
    fine = float(made.sight.px_per_texel.max())
    assert fine > 4.0
    rng = np.random.default_rng(1)
    grain = rng.integers(-60, 61, made.photo.color.shape[:2])[..., None]
    color = np.clip(made.photo.color.astype(int) + grain, 0, 255).astype(np.uint8)
    clean, noisy = made.warped(), made.warped(replace(made.photo, color=color))
    left = (noisy.color - clean.color)[:, clean.weight > 0].std() * 255
    assert float(left) < 1.5 * grain.std() / fine


def test_texels_out_of_the_photo_count_nothing():
    made = bench((0, 0, 1.5), size_px=100, focal=1.0)
    px, _ = made.camera.project(made.position)
    out = ((px < 0) | (px > 100)).any(axis=1)
    weight = made.warped().weight[made.surface.covered].numpy()
    assert 0.1 < out.mean() < 0.9
    assert (weight[out] == 0).all()


@pytest.mark.parametrize("size_px", [128, 256])
def test_masked_pixels_never_enter(size_px):
    """What stands behind a mask (eroded by 3 px, as on load) changes no texel that counts."""
    valid = np.zeros((size_px, size_px), bool)
    valid[:, : size_px // 2] = True
    eroded = valid.copy()
    eroded[:, size_px // 2 - 3 :] = False
    made = bench((0, 0, 3.0), size_px=size_px, valid=eroded)
    loud = made.photo.color.copy()
    loud[~valid] = (255, 0, 255)
    clean, behind = (made.warped(Photo(color=c, valid=eroded)) for c in (made.photo.color, loud))
    seen = clean.weight > 0
    assert 0.2 < float(seen.float().mean()) < 0.8
    assert float((behind.color - clean.color)[:, seen].abs().max()) * 255 < 1.0


def test_a_view_that_sees_nothing_gives_no_reference():
    made = bench()
    blind = replace(made.sight, weight=np.zeros((LOW, LOW), np.float32))
    assert warp(0, made.camera, fit_of(), PhotoPyramid(made.photo), made.surface, blind) is None
    assert stack([], []) is None


def test_references_are_stacked_views_second():
    made = bench()
    one = made.warped()
    both = stack([one, replace(one, view_index=1)], [0.9, 0.2])
    assert both is not None
    side = LOW * SCALE
    assert both.color.shape == (1, 2, 3, side, side)
    assert both.weight.shape == (1, 2, side, side)
    assert both.prior.shape == (1, 2, 2, LOW, LOW)
    assert both.trust.tolist() == [[pytest.approx(0.9), pytest.approx(0.2)]]
    assert torch.equal(both.to("cpu").color, both.color)


def test_a_crop_holds_every_point_and_no_masked_colour():
    made = bench((0.4, 0.2, 3.0), size_px=200)
    rng = np.random.default_rng(2)
    chosen = made.position[rng.choice(len(made.position), 40, replace=False)] * 0.5
    # Each pixel says where it is, so that the crop can be placed again.
    y, x = np.mgrid[0:200, 0:200].astype(np.float32)
    color = torch.from_numpy(np.stack([x, y, np.zeros_like(x)]))
    valid = np.ones((200, 200), bool)
    cut = crop(made.camera, PhotoPyramid(Photo(color=made.photo.color, valid=valid)), chosen, color)
    px, _ = made.camera.project(chosen)
    left, top = cut[0].min(), cut[1].min()
    right, bottom = cut[0].max() + 1, cut[1].max() + 1
    assert (px[:, 0] >= float(left) + 2).all()
    assert (px[:, 0] <= float(right) - 2).all()
    assert (px[:, 1] >= float(top) + 2).all()
    assert (px[:, 1] <= float(bottom) - 2).all()
    assert cut.shape[2] < 200
    valid[:, :100] = False
    masked = crop(
        made.camera, PhotoPyramid(Photo(color=made.photo.color, valid=valid)), chosen, color
    )
    assert float(masked[0].min()) >= 100.0
    assert masked.shape == cut.shape


def test_a_crop_stays_within_the_photo():
    made = bench((0, 0, 1.1), size_px=80, focal=1.0)
    color = torch.zeros(3, 80, 80)
    cut = crop(made.camera, PhotoPyramid(made.photo), made.position, color)
    assert cut.shape == (3, 80, 80)
