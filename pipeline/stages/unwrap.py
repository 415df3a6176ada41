"""Unwrap a mesh that has no texture coordinates, with room for gutters between its charts."""

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

import numpy as np

from texsr.pipeline.errors import CaptureError
from texsr.pipeline.mesh import Charts, Mesh, label_charts

GUTTER_TX = 4
TIME_LIMIT_S = 900.0


class Unwrapped(NamedTuple):
    """Charts, and the plane they were packed for."""

    charts: Charts
    size_tx: tuple[int, int]  # height, width: near what was asked for, not equal to it


def unwrap(
    mesh: Mesh,
    *,
    size_tx: int,
    gutter_tx: int = GUTTER_TX,
    time_limit_s: float = TIME_LIMIT_S,
) -> Unwrapped:
    """Cut a mesh into charts and pack them with xatlas.

    It works in a process of its own: on large or broken meshes xatlas can take hours (on 200 000
    faces: four minutes) or end the process it runs in.

    Args:
        mesh: corners at the same place must share a vertex, or every face becomes a chart.
        size_tx: side of the plane to aim at.
        gutter_tx: texels kept free between charts.
        time_limit_s: after this the attempt is given up.

    Raises:
        CaptureError: it took too long, or this mesh cannot be unwrapped.
    """
    with tempfile.TemporaryDirectory(prefix="texsr-unwrap-") as folder:
        given, made = Path(folder) / "mesh.npz", Path(folder) / "charts.npz"
        np.savez(given, vertices=mesh.vertices, faces=mesh.faces, pack=(size_tx, gutter_tx))
        command = [sys.executable, "-m", __name__, str(given), str(made)]
        try:
            done = subprocess.run(command, capture_output=True, timeout=time_limit_s, text=True)
        except subprocess.TimeoutExpired as error:
            raise _gave_up(mesh, f"no charts after {time_limit_s:g} s") from error
        if done.returncode != 0:
            last = (done.stderr.strip().splitlines() or ["no message"])[-1]
            raise _gave_up(mesh, f"xatlas ended with {done.returncode}: {last}")
        with np.load(made) as arrays:
            uv, uv_faces = arrays["uv"].astype(np.float64), arrays["uv_faces"].astype(np.int32)
            height, width = (int(side) for side in arrays["size_tx"])
    charts = Charts(
        uv=uv,
        uv_faces=uv_faces,
        chart_id=label_charts(mesh, uv, uv_faces),
        material_id=np.zeros(len(uv_faces), np.int32),
    )
    return Unwrapped(charts=charts, size_tx=(height, width))


def _gave_up(mesh: Mesh, found: str) -> CaptureError:
    return CaptureError(
        "unwrap",
        found=f"{found} ({len(mesh.faces)} faces)",
        expected="a mesh that xatlas can unwrap in time",
        remedy="repair or simplify the mesh, or unwrap it in a modelling program",
    )


def _unwrap_file(given: Path, made: Path) -> None:
    """Do the work of the other process: arrays in, arrays out."""
    import xatlas

    with np.load(given) as arrays:
        vertices, faces, pack = arrays["vertices"], arrays["faces"], arrays["pack"]
    # xatlas works in single precision: on the unit box its rounding does not depend on the place.
    low, high = vertices.min(axis=0), vertices.max(axis=0)
    unit = (vertices - low) / (float((high - low).max()) or 1.0)
    atlas = xatlas.Atlas()
    atlas.add_mesh(unit.astype(np.float32), faces.astype(np.uint32))
    options = xatlas.PackOptions()
    options.resolution, options.padding = (int(value) for value in pack)
    atlas.generate(xatlas.ChartOptions(), options)
    owners, uv_faces, uv = atlas[0]
    if not np.array_equal(owners[uv_faces], faces):
        raise ValueError("faces came back in another order")
    np.savez(made, uv=uv, uv_faces=uv_faces, size_tx=(atlas.height, atlas.width))


if __name__ == "__main__":
    _unwrap_file(Path(sys.argv[1]), Path(sys.argv[2]))
