"""The capture doctor flags what is wrong, names what was meant, and leaves the healthy alone."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from tests.scene_cameras import orbit
from tests.scene_variants import with_decoys, with_empty_faces, with_stacked_uvs
from tests.scenes import Shape, make_scene
from texsr.pipeline.camera import OPENCV_FROM_OPENGL, Camera
from texsr.pipeline.capture import Capture, Photo, Severity, View
from texsr.pipeline.errors import CaptureError
from texsr.pipeline.record import Spread, Worth
from texsr.pipeline.stages.diagnose import diagnose


@pytest.fixture(scope="module")
def scene():
    return make_scene(Shape.CUBE)


def reader(scene):
    photos = {view.name: photo for view, photo in zip(scene.views, scene.photos, strict=True)}
    return lambda view: photos[view.name]


def with_cameras(capture: Capture, change) -> Capture:
    views = tuple(replace(view, camera=change(view.camera)) for view in capture.views)
    return replace(capture, views=views)


def posed(change):
    return lambda camera: replace(camera, cam_from_world=change(camera.cam_from_world.copy()))


def errors(diagnosis):
    return [f for f in diagnosis.findings if f.severity is Severity.ERROR]


def test_a_healthy_capture_is_called_healthy(scene):
    diagnosis = diagnose(scene.capture, read_photo=reader(scene))
    assert diagnosis.healthy, diagnosis.findings
    assert min(fit.correlation for fit in diagnosis.fits.values()) > 0.7
    assert diagnosis.num_charts == 6
    assert diagnosis.atlases[0].bits == 8
    assert diagnosis.uv.stacked_share == 0


def transposed(pose):
    pose[:3, :3] = pose[:3, :3].T.copy()
    return pose


def centre_for_translation(pose):
    pose[:3, 3] = -pose[:3, :3].T @ pose[:3, 3]
    return pose


def quaternion_shifted(pose):
    x, y, z, w = Rotation.from_matrix(pose[:3, :3]).as_quat()
    # Written x y z w into a file whose reader takes w x y z.
    pose[:3, :3] = Rotation.from_quat([y, z, w, x]).as_matrix()
    return pose


def z_up(pose):
    turn = np.eye(4)
    turn[:3, :3] = Rotation.from_euler("x", 90, degrees=True).as_matrix()
    return pose @ turn


def in_millimetres(pose):
    pose[:3, 3] /= 1000
    return pose


def half_sized(camera: Camera) -> Camera:
    return replace(camera, K=np.diag([0.5, 0.5, 1.0]) @ camera.K)


PLANTED = {
    "inverted": posed(np.linalg.inv),
    "OpenGL camera axes": posed(lambda pose: OPENCV_FROM_OPENGL @ pose),
    "inverted and OpenGL": posed(lambda pose: np.linalg.inv(OPENCV_FROM_OPENGL @ pose)),
    "OpenCV cam_from_world": posed(lambda pose: OPENCV_FROM_OPENGL @ np.linalg.inv(pose)),
    "transposed": posed(transposed),
    "x y z w": posed(quaternion_shifted),
    "centres written": posed(centre_for_translation),
    "world axes": posed(z_up),
    "units": posed(in_millimetres),
    "intrinsics of a photo": half_sized,
}


@pytest.mark.parametrize("name", PLANTED)
def test_planted_camera_mistakes_are_named(scene, name):
    capture = with_cameras(scene.capture, PLANTED[name])
    found = errors(diagnose(capture, read_photo=reader(scene)))
    assert any(name in finding.text and finding.remedy for finding in found), found


def test_photos_upside_down_are_named(scene):
    photos = reader(scene)

    def turned(view: View) -> Photo:
        photo = photos(view)
        return Photo(color=photo.color[::-1, ::-1].copy(), valid=photo.valid[::-1, ::-1].copy())

    found = errors(diagnose(scene.capture, read_photo=turned))
    assert any("upside down" in finding.text for finding in found), found


def test_a_texture_upside_down_is_named(scene):
    charts = scene.surface.charts
    flipped = replace(charts, uv=np.stack([charts.uv[:, 0], 1 - charts.uv[:, 1]], axis=1))
    capture = replace(scene.capture, surface=replace(scene.surface, charts=flipped))
    found = errors(diagnose(capture, read_photo=reader(scene)))
    assert any("texture upside down" in finding.text for finding in found), found


def test_distorted_photos_are_named():
    scene = make_scene(Shape.CUBE, low_tx=128, scale=1, cameras=orbit(4, size_px=256))
    photos = reader(scene)

    def bent(view: View) -> Photo:
        photo, camera = photos(view), view.camera
        rows, columns = np.mgrid[: camera.height_px, : camera.width_px] + 0.5
        ray = np.stack([columns, rows], axis=-1) - camera.K[:2, 2]
        ray /= np.diag(camera.K)[:2]
        straight = ray.copy()
        for _ in range(30):  # the bend x' = x (1 + k r2), undone by fixed-point steps
            squared = (straight**2).sum(axis=-1, keepdims=True)
            straight = ray / (1 - 0.3 * np.minimum(squared, 1.0))
        px = straight * np.diag(camera.K)[:2] + camera.K[:2, 2]
        x = np.clip(px[..., 0].astype(int), 0, camera.width_px - 1)
        y = np.clip(px[..., 1].astype(int), 0, camera.height_px - 1)
        return Photo(color=photo.color[y, x], valid=photo.valid[y, x])

    assert diagnose(scene.capture, read_photo=photos).healthy
    found = errors(diagnose(scene.capture, read_photo=bent))
    assert any("distorted" in finding.text for finding in found), found


def test_photos_of_another_object_are_named_and_the_rest_is_trusted(scene):
    decoyed = with_decoys(scene)
    diagnosis = diagnose(decoyed.capture, read_photo=reader(decoyed))
    strangers = {view.name for view in decoyed.views} - {view.name for view in scene.views}
    named = {f.where for f in diagnosis.findings if f.severity is Severity.WARNING}
    assert strangers
    assert named == strangers
    assert diagnosis.healthy


def test_an_unreadable_photo_is_told_and_does_not_stop_the_examination(scene):
    photos = reader(scene)
    bad = scene.views[0].name

    def failing(view: View) -> Photo:
        if view.name == bad:
            raise CaptureError(bad, found="half a file", expected="a photo", remedy="copy it again")
        return photos(view)

    diagnosis = diagnose(scene.capture, read_photo=failing)
    assert diagnosis.healthy
    assert [f.where for f in diagnosis.findings] == [bad]


def test_stacked_charts_and_empty_faces_are_counted(scene):
    stacked = diagnose(with_stacked_uvs(scene).capture)
    assert stacked.uv.stacked_share > 0.1
    assert [f.severity for f in stacked.findings if "claimed" in f.text] == [Severity.WARNING]
    empty = diagnose(with_empty_faces(scene, count=3).capture)
    assert empty.uv.faces_without_area == 3
    assert empty.uv.stacked_share == 0


def test_mirrored_faces_and_faces_off_the_unit_square_are_counted(scene):
    charts = scene.surface.charts
    uv_faces = charts.uv_faces.copy()
    uv_faces[:2] = uv_faces[:2, ::-1]
    moved = charts.uv + np.where(np.arange(len(charts.uv)) == uv_faces[-1, 0], 1.0, 0.0)[:, None]
    surface = replace(scene.surface, charts=replace(charts, uv_faces=uv_faces))
    assert diagnose(replace(scene.capture, surface=surface)).uv.mirrored_faces == 2
    surface = replace(scene.surface, charts=replace(charts, uv=moved))
    users = (charts.uv_faces == charts.uv_faces[-1, 0]).any(axis=1).sum()
    assert diagnose(replace(scene.capture, surface=surface)).uv.faces_outside == users


def test_a_mesh_turned_inside_out_is_told(scene):
    mesh = replace(scene.surface.mesh, faces=scene.surface.mesh.faces[:, ::-1].copy())
    charts = replace(scene.surface.charts, uv_faces=scene.surface.charts.uv_faces[:, ::-1].copy())
    capture = replace(scene.capture, surface=replace(scene.surface, mesh=mesh, charts=charts))
    found = errors(diagnose(capture, read_photo=reader(scene)))
    assert [finding.where for finding in found] == ["mesh"]


def test_worth_is_passed_on(scene):
    worth = Worth(
        px_per_texel=Spread(p10=0.1, median=0.2, p90=0.3), fillable_scale=1.5, share_gaining=0.4
    )
    assert diagnose(scene.capture, worth=worth).worth == worth
