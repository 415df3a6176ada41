"""Every atlas gets a provenance map of its own, beside its texture."""

from dataclasses import replace
from pathlib import Path

from texsr.flows.provenance import provenance_paths


def paths(scene, sources, written, stem="vase"):
    atlases = tuple(
        replace(scene.surface.atlases[0], name=name, path=path) for name, path in sources
    )
    surface = replace(scene.surface, path=Path(f"/capture/{stem}.obj"), atlases=atlases)
    out = Path("/out")
    found = provenance_paths(surface, [out / name for name in written], out)
    assert len(set(found)) == len(found)
    return [path.relative_to(out).as_posix() for path in found]


def test_a_map_lies_beside_its_texture(scene):
    sources = [("t", Path("/capture/maps/skin.png"))]
    assert paths(scene, sources, ["vase.obj", "maps/skin.png"]) == ["maps/skin.provenance.png"]


def test_a_mesh_of_the_same_name_is_not_taken_for_the_texture(scene):
    sources = [("t", Path("/capture/vase.jpg"))]
    written = ["vase.obj", "vase.mtl", "vase.png"]
    assert paths(scene, sources, written) == ["vase.provenance.png"]


def test_equal_names_in_other_folders_and_containers_are_told_apart(scene):
    sources = [
        ("a", Path("/capture/skin.png")),
        ("b", Path("/capture/maps/skin.png")),
        ("c", Path("/capture/skin.jpg")),
    ]
    written = ["vase.obj", "skin.png", "maps/skin.png", "skin.jpg"]
    assert paths(scene, sources, written) == [
        "skin.png.provenance.png",
        "maps/skin.provenance.png",
        "skin.jpg.provenance.png",
    ]


def test_embedded_textures_are_named_by_mesh_and_texture(scene):
    sources = [("skin/../x", None), ("", None), ("", None)]
    assert paths(scene, sources, ["vase.glb"]) == [
        "vase.skin_.._x.provenance.png",
        "1.vase.texture.png.provenance.png",
        "2.vase.texture.png.provenance.png",
    ]
