"""`texsr simulate` and `texsr unwrap`: captures with a known answer, meshes with charts."""

from pathlib import Path
from typing import Annotated

import typer

from texsr.flows import cli_options as options
from texsr.flows.console import ProgressBars, answering


def simulate(
    mesh: Annotated[Path, typer.Argument(metavar="MESH", help="A mesh with UVs and one texture.")],
    out: Annotated[
        Path, typer.Option("--out", metavar="DIR", help="Gets DIR/capture and DIR/truth.")
    ],
    atlas: Annotated[
        str, typer.Option(metavar="reduced|baked", help="Where the low atlas comes from.")
    ] = "reduced",
    scale: Annotated[int, typer.Option(help="Truth texels per low texel and axis.")] = 4,
    photos: Annotated[
        int | None, typer.Option(help="How many photos. [default: 12; hard: 6 to 20]")
    ] = None,
    px_per_texel: Annotated[
        float | None,
        typer.Option(help="Photo pixels per truth texel. [default: 0.7; hard: 0.3 to 1.2]"),
    ] = None,
    cameras: Annotated[str, typer.Option(metavar="colmap|transforms")] = "colmap",
    hard: Annotated[
        bool,
        typer.Option(
            "--hard", help="Draw light, highlights, blur, rough geometry and the rest as they come."
        ),
    ] = False,
    seed: options.Seed = 0,
    json: options.Json = False,
) -> None:
    """Make a capture with a known answer from a textured mesh: photos, cameras, a low atlas.

    Examples:

        texsr simulate vase.obj --out trial && texsr run trial/capture

        texsr simulate vase.glb --out trial --atlas baked --photos 24

        texsr simulate vase.glb --out trial --hard --seed 7
    """
    with answering(as_json=json) as answer:
        from dataclasses import replace

        import numpy as np

        from texsr.flows.handles import encode
        from texsr.pipeline.stages.simulate import SimulateSettings
        from texsr.pipeline.stages.simulate import simulate as make

        rng = np.random.default_rng(seed)
        kind = SimulateSettings.drawn(rng) if hard else SimulateSettings()
        settings = replace(
            kind,
            atlas=options.choose("--atlas", atlas, kind.atlas),
            cameras=options.choose("--cameras", cameras, kind.cameras),
            scale=scale,
            num_photos=kind.num_photos if photos is None else photos,
            px_per_texel=kind.px_per_texel if px_per_texel is None else px_per_texel,
        )
        with ProgressBars() as progress:
            made = make(mesh, out, settings, rng, progress)
        text = (
            f"{made.capture}: photos of {made.photo_size_px} px, "
            f"{made.px_per_texel:.2f} px per truth texel\n"
            f"next: texsr run {made.capture} && "
            f"texsr measure {made.capture}/texsr --truth {made.truth}"
        )
        answer.give({"status": "done", **encode(made), "settings": encode(settings)}, text)


def unwrap(
    mesh: Annotated[Path, typer.Argument(metavar="MESH", help="A mesh: stl, off, ply, obj, glb.")],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Gets an OBJ and its atlas.")],
    colors: Annotated[
        Path | None,
        typer.Option(
            metavar="TEXTURED", help="The same surface with a texture. [default: MESH itself]"
        ),
    ] = None,
    size: Annotated[
        int | None,
        typer.Option(metavar="TX", min=16, help="Side of the new atlas. [default: the old one's]"),
    ] = None,
    json: options.Json = False,
) -> None:
    """Lay a mesh out anew, without stacked charts, and carry a texture across.

    Examples:

        texsr unwrap stacked.obj --out capture

        texsr unwrap repaired.ply --colors scan.obj --out capture
    """
    with answering(as_json=json) as answer:
        from texsr.flows.handles import encode
        from texsr.flows.rewrap import rewrap

        with ProgressBars() as progress:
            made = rewrap(mesh, out, colors_path=colors or mesh, size_tx=size, progress=progress)
        height, width = made.size_tx
        text = f"{made.mesh}: {made.num_charts} charts on {width} x {height} texels"
        answer.give({"status": "done", **encode(made)}, text)
