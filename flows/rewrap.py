"""A mesh laid out anew: charts of its own, and the colour of a textured surface carried across."""

from dataclasses import dataclass
from pathlib import Path

from texsr.flows.progress import Progress, silent
from texsr.pipeline.atlas import Atlas, ImageKind
from texsr.pipeline.formats.bare_meshes import read_bare_mesh
from texsr.pipeline.formats.images import write_image
from texsr.pipeline.formats.meshes import read_textured_mesh
from texsr.pipeline.formats.obj_writing import write_obj
from texsr.pipeline.formats.writing import whole_or_absent
from texsr.pipeline.stages.transfer import transfer
from texsr.pipeline.stages.unwrap import unwrap

ATLAS_NAME = "atlas.png"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rewrapped:
    """What a mesh laid out anew left on disk."""

    mesh: Path
    num_charts: int
    size_tx: tuple[int, int]  # height, width


def rewrap(
    mesh_path: Path,
    out_dir: Path,
    *,
    colors_path: Path,
    size_tx: int | None = None,
    progress: Progress = silent,
) -> Rewrapped:
    """Write `out_dir`/<name>.obj with new charts and an atlas painted from a textured mesh.

    Args:
        mesh_path: the geometry; texture coordinates in it are not looked at.
        out_dir: made; it must not exist or be empty. In the end it is whole or absent.
        colors_path: the same surface with a texture; may be `mesh_path` itself.
        size_tx: side of the atlas to aim at; None: the longest side of the texture carried across.
        progress: told of each stage.

    Raises:
        CaptureError: one of the meshes cannot be used or unwrapped.
        OutputError: `out_dir` is taken or cannot be written.
        DependencyError: a system library that Open3D needs is not there.
    """
    source = read_textured_mesh(colors_path, root=colors_path.parent)
    mesh = read_bare_mesh(mesh_path)
    with whole_or_absent(out_dir) as part:
        progress("unwrap", 0, 1)
        charts, size = unwrap(mesh, size_tx=size_tx or max(map(_longest_side, source.atlases)))
        progress("unwrap", 1, 1)
        progress("transfer", 0, 1)
        painted = transfer(source, mesh, charts, size_tx=size)
        write_image(part / ATLAS_NAME, ImageKind.PNG, painted)
        write_obj(part / f"{mesh_path.stem}.obj", mesh, charts, texture_name=ATLAS_NAME)
        progress("transfer", 1, 1)
    return Rewrapped(
        mesh=out_dir / f"{mesh_path.stem}.obj",
        num_charts=int(charts.chart_id.max()) + 1,
        size_tx=size,
    )


def _longest_side(atlas: Atlas) -> int:
    return max(atlas.height_tx, atlas.width_tx)
