"""`texsr dataset ...`: training and evaluation material from folders and from captures."""

from pathlib import Path
from typing import Annotated

import typer

from texsr.flows import cli_options as options
from texsr.flows.console import ProgressBars, answering

app = typer.Typer(
    name="dataset",
    help="Make or check training and evaluation material.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

OutDir = Annotated[
    Path, typer.Option("--out", metavar="DIR", help="A new folder, made whole or not at all.")
]
Licence = Annotated[
    str, typer.Option(help="The pictures' terms, kept in the manifest.", metavar="TEXT")
]


ROLES_UNKNOWN = (
    "\nwarning: it is not known which photos the atlas was made from; what is learnt from them is "
    "to copy. Name them with --exclude-baked"
)


@app.command()
def refsr(
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="Truths and references, in a known layout.")
    ],
    layout: Annotated[
        str | None,
        typer.Option(
            metavar="numbered|paired|matched|listed|grouped",
            help="How the folder is laid out. [default: what fits, if only one does]",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", help="Write the scenes anew, one folder each."),
    ] = None,
    scale: Annotated[
        int, typer.Option(min=2, max=8, help="Of the low pictures written with --out.")
    ] = 4,
    json: options.Json = False,
) -> None:
    """Check a folder in the style of CUFED5, Sun80 or LMR: every picture is decoded.

    With --out, each scene becomes DIR/SCENE/truth.png, low.png, ref_01.png, ...

    Examples:

        texsr dataset refsr CUFED5/test

        texsr dataset refsr Sun80 --layout matched --out sun80

        texsr dataset refsr CUFED/train --json | jq .num_scenes
    """
    with answering(as_json=json) as answer:
        from texsr.flows.handles import encode
        from texsr.flows.refsr_dataset import refsr_dataset
        from texsr.pipeline.refsr import RefsrLayout

        kind = None if layout is None else options.choose("--layout", layout, RefsrLayout.LISTED)
        with ProgressBars() as progress:
            found = refsr_dataset(folder, kind, out=out, scale=scale, progress=progress)
        text = (
            f"{found.root}: {_count(found.num_scenes, 'scene')} ({found.layout}), references each: "
            f"{_span(found.num_references)}; truths of {_span(found.truth_px)} px, "
            f"references of {_span(found.reference_px)} px a side"
            + _validation_note(found.validation_only)
            + (f"\nwritten to {found.out}" if found.out else "")
        )
        answer.give({"status": "done", **encode(found)}, text)


@app.command("texture-maps")
def texture_maps(
    captures: Annotated[
        list[Path],
        typer.Argument(metavar="DIR...", help="Folders with capture/ and truth/; a map each."),
    ],
    out: OutDir,
    references: Annotated[
        int, typer.Option(min=0, max=8, help="Crops of photos a tile gets at most.")
    ] = 8,
    tile_size: Annotated[
        int, typer.Option("--tile-size", metavar="TX", help="Side of a tile in low texels.")
    ] = 64,
    min_share: Annotated[
        float,
        typer.Option(min=0.0, max=1.0, help="Share of a tile that has to lie inside the mask."),
    ] = 0.25,
    as_photographed: Annotated[
        bool,
        typer.Option(
            "--as-photographed",
            help="Leave crops as the photos have them. [default: turned and scaled as the tile is]",
        ),
    ] = False,
    licence: Licence = "not stated",
    json: options.Json = False,
) -> None:
    """Cut atlases with a known answer into low and true tiles with crops of the photos.

    In the manner of GEMAP and HUMAP: 64 x 64 low texels, their truth, a mask, up to 8 references.
    Each is turned and scaled until it stands as the tile does; where in the tile it belongs,
    perspective and curvature stay for a network to find.

    Examples:

        texsr simulate vase.obj --out vase && texsr dataset texture-maps vase --out maps

        texsr dataset texture-maps vase bowl --out maps --references 4 --licence CC0-1.0
    """
    with answering(as_json=json) as answer:
        from texsr.flows.texture_map_dataset import texture_map_dataset
        from texsr.pipeline.dataset import TextureMapSettings

        settings = TextureMapSettings(
            low_tile_tx=tile_size,
            min_mask_share=min_share,
            max_references=references,
            turned=not as_photographed,
            licence=licence,
        )
        with ProgressBars() as progress:
            made = texture_map_dataset(captures, out, settings, progress)
        tiles = [tile for one in made.maps for tile in one.tiles]
        num_references = sum(len(tile.references) for tile in tiles)
        text = (
            f"{made.root}: {_count(len(tiles), 'tile')} of {_count(len(made.maps), 'map')} at "
            f"x{made.scale}, references each: {num_references / max(len(tiles), 1):.1f}, "
            + ("turned" if made.turned else "as photographed")
            + _validation_note(made.validation_only)
        )
        facts = {
            "status": "done",
            "root": str(made.root),
            "scale": made.scale,
            "licence": made.licence,
            "validation_only": made.validation_only,
            "turned": made.turned,
            "num_tiles": len(tiles),
            "num_references": num_references,
            "maps": {one.name: len(one.tiles) for one in made.maps},
        }
        answer.give(facts, text)


@app.command()
def own(
    capture: options.CaptureArg,
    out: OutDir,
    scale: Annotated[
        int, typer.Option(min=2, max=8, help="Truth texels per low texel and axis.")
    ] = 4,
    photo_scale: Annotated[
        float | None,
        typer.Option(metavar="F", help="Factor on the photos' sides. [default: 1 / scale]"),
    ] = None,
    px_per_texel: Annotated[
        float | None,
        typer.Option(metavar="P", help="Photo pixels per truth texel, instead of a factor."),
    ] = None,
    exclude_baked: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="The photos that the atlas was made from, a name a line; or JSON."
        ),
    ] = None,
    references_only: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Instead: the photos that had no part in the atlas."),
    ] = None,
    mask: Annotated[
        Path | None,
        typer.Option(
            metavar="PNG", help="White where the atlas is right. [default: what its photos see]"
        ),
    ] = None,
    full_photos: Annotated[
        bool, typer.Option(help="Keep the full photos in DIR/truth/photos.")
    ] = True,
    licence: Licence = "not stated",
    json: options.Json = False,
) -> None:
    """Make a training capture from a real one: its atlas is the truth, everything else smaller.

    DIR/capture can be run and trained on, DIR/truth is the answer. Photos that the atlas was made
    from hold the answer itself: tell which they are, and they are left out.

    Examples:

        texsr dataset own vase --out vase_x4 --exclude-baked baked.txt

        texsr dataset own vase --out vase_x4 --references-only fresh.txt --px-per-texel 0.5
    """
    with answering(as_json=json) as answer:
        from texsr.flows.handles import encode
        from texsr.flows.own_dataset import OwnLists, own_dataset
        from texsr.pipeline.dataset import OwnSettings

        settings = OwnSettings(
            scale=scale,
            photo_scale=photo_scale,
            px_per_texel=px_per_texel,
            full_photos=full_photos,
            licence=licence,
        )
        lists = OwnLists(baked=exclude_baked, references_only=references_only, mask=mask)
        with ProgressBars() as progress:
            made = own_dataset(capture, out, settings, lists, progress)
        used = sum(photo.used for photo in made.photos)
        text = (
            f"{made.capture}: {used} of {len(made.photos)} photos at {made.photo_scale:.3g} of "
            f"their size, {made.px_per_texel:.2f} px per truth texel; "
            f"{made.share_scored:.0%} of the atlas is scored"
            + _validation_note(made.validation_only)
            + ("" if made.roles_known else ROLES_UNKNOWN)
        )
        answer.give({"status": "done", "roles_known": made.roles_known, **encode(made)}, text)


def _count(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"


def _span(least_and_most: tuple[int, int]) -> str:
    least, most = least_and_most
    return str(least) if least == most else f"{least} to {most}"


def _validation_note(validation_only: bool) -> str:
    return "\nmade from validation data: nothing may be trained on it" if validation_only else ""
