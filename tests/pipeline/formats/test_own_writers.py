"""OBJ and transforms.json as we write them for captures of our own making."""

import numpy as np

from tests.scene_cameras import orbit
from tests.scenes import Shape, make_surface
from texsr.pipeline.formats.obj_writing import write_obj
from texsr.pipeline.formats.transforms import read_transforms
from texsr.pipeline.formats.transforms_writing import write_transforms


def test_an_obj_names_its_material_and_its_texture(tmp_path):
    mesh, charts = make_surface(Shape.CUBE)
    written = write_obj(tmp_path / "thing.obj", mesh, charts, texture_name="skin.png")
    assert written == [tmp_path / "thing.obj", tmp_path / "thing.mtl"]
    lines = (tmp_path / "thing.obj").read_text().splitlines()
    assert lines[0] == "mtllib thing.mtl"
    assert sum(line.startswith("f ") for line in lines) == len(mesh.faces)
    positions = [list(map(float, line.split()[1:])) for line in lines if line.startswith("v ")]
    np.testing.assert_array_equal(positions, mesh.vertices)
    assert "map_Kd skin.png" in (tmp_path / "thing.mtl").read_text()


def test_transforms_read_back_as_the_same_cameras(tmp_path):
    views = [(f"images/{i}.jpg", camera) for i, camera in enumerate(orbit(4, size_px=64))]
    path = tmp_path / "transforms.json"
    write_transforms(path, views, radial_k1=-0.05)
    shots = read_transforms(path, photo_size=lambda name, where: (64, 64)).shots
    assert [shot.name for shot in shots] == [name for name, _ in views]
    for shot, (_, camera) in zip(shots, views, strict=True):
        np.testing.assert_allclose(shot.cam_from_world, camera.cam_from_world, atol=1e-12)
        assert shot.lens.params[0] == camera.K[0, 0]
        assert shot.lens.coefficients[0] == -0.05
    write_transforms(path, views)
    shots = read_transforms(path, photo_size=lambda name, where: (64, 64)).shots
    assert all(shot.lens.is_pinhole for shot in shots)
