"""Scenes made harder in one known way."""

from dataclasses import replace

import numpy as np

from tests.scenes import Scene, Shape, make_surface, pinhole_view, render_photo, waves
from texsr.pipeline.capture import Photo
from texsr.pipeline.color import to_integer
from texsr.pipeline.mesh import Mesh, label_charts


def with_noise_behind(scene: Scene, *, seed: int = 0) -> Scene:
    """Replace what is not the object by noise in every photo, and give the silhouettes as masks."""
    rng = np.random.default_rng(seed)
    photos = []
    for photo in scene.photos:
        noise = rng.integers(0, 256, photo.color.shape, dtype=np.uint8)
        color = np.where(photo.valid[..., None], photo.color, noise)
        photos.append(Photo(color=color, valid=photo.valid))
    return replace(scene, photos=tuple(photos), masked=True)


def with_decoys(scene: Scene, *, num_decoys: int = 2) -> Scene:
    """Add photos of another object under poses that are not theirs; they sort last by name."""
    other_mesh, _ = make_surface(Shape.CUBE)
    paint = waves(seed=991, cycles_per_unit=2.0)
    views, photos = list(scene.views), list(scene.photos)
    for i in range(num_decoys):
        true_camera = scene.views[i].camera
        shot, full = render_photo(other_mesh, paint, true_camera, supersample=1)
        claimed = scene.views[-1 - i].camera
        views.append(pinhole_view(f"decoy{i}.png", claimed, scene.surface.path.parent))
        photos.append(Photo(color=to_integer(shot, np.dtype(np.uint8)), valid=full))
    return replace(scene, views=tuple(views), photos=tuple(photos))


def with_stacked_uvs(scene: Scene, *, upper: int = 1, lower: int = 0) -> Scene:
    """Move the faces of one chart onto the uv of another of the same layout."""
    charts = scene.surface.charts
    uv_faces = charts.uv_faces.copy()
    uv_faces[charts.chart_id == upper] = uv_faces[charts.chart_id == lower]
    chart_id = label_charts(scene.surface.mesh, charts.uv, uv_faces)
    moved = replace(charts, uv_faces=uv_faces, chart_id=chart_id)
    return replace(scene, surface=replace(scene.surface, charts=moved))


def with_empty_faces(scene: Scene, *, count: int = 3) -> Scene:
    """Append faces that have no area, neither in the world nor in uv."""
    mesh, charts = scene.surface.mesh, scene.surface.charts
    twice = [0, 0, 1]
    grown_mesh = Mesh(
        vertices=mesh.vertices, faces=np.concatenate([mesh.faces, mesh.faces[:count, twice]])
    )
    grown = replace(
        charts,
        uv_faces=np.concatenate([charts.uv_faces, charts.uv_faces[:count, twice]]),
        chart_id=np.concatenate([charts.chart_id, charts.chart_id[:count]]),
        material_id=np.concatenate([charts.material_id, charts.material_id[:count]]),
    )
    return replace(scene, surface=replace(scene.surface, mesh=grown_mesh, charts=grown))
