"""A fresh OBJ with one material, for surfaces that we made ourselves.

Users' own files are never written by this: `export` patches them.
"""

from pathlib import Path

from texsr.pipeline.formats.writing import write_file
from texsr.pipeline.mesh import Charts, Mesh

MATERIAL = "surface"


def write_obj(path: Path, mesh: Mesh, charts: Charts, *, texture_name: str) -> list[Path]:
    """Write positions, texture coordinates and faces, and the MTL that names the texture.

    Args:
        path: of the OBJ; the MTL stands beside it.
        mesh: the geometry; coordinates survive to the last bit.
        charts: parallel to it; every face gets the one material.
        texture_name: as the MTL names it, relative to its folder.
    """
    mtl = path.with_suffix(".mtl")
    lines = [f"mtllib {mtl.name}", f"usemtl {MATERIAL}"]
    lines += [f"v {x!r} {y!r} {z!r}" for x, y, z in mesh.vertices.tolist()]
    lines += [f"vt {u!r} {v!r}" for u, v in charts.uv.tolist()]
    corners, uvs = (mesh.faces + 1).tolist(), (charts.uv_faces + 1).tolist()
    lines += [
        f"f {a}/{ta} {b}/{tb} {c}/{tc}"
        for (a, b, c), (ta, tb, tc) in zip(corners, uvs, strict=True)
    ]
    write_file(path, ("\n".join(lines) + "\n").encode())
    write_file(mtl, f"newmtl {MATERIAL}\nKd 1 1 1\nmap_Kd {texture_name}\n".encode())
    return [path, mtl]
