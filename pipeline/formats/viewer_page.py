"""One HTML page that shows a mesh before and after in 3-D and needs no network.

Script, geometry and textures stand inside the page. Its content security policy forbids every
request, so that opening it tells nobody anything.
"""

import base64
import html
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from texsr.pipeline.formats.pictures import EncodedImage, encode_jpeg
from texsr.pipeline.picture import Picture

CROP_QUALITY = 92


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """One set of textures that a side of the page can wear."""

    label: str
    textures: tuple[EncodedImage | None, ...]  # parallel to the GLB's materials
    key: tuple[tuple[str, str], ...] = ()  # what colours mean: words, CSS colour


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ViewerPage:
    """What the page shows. Layer 0 is before; the others can be chosen for the other side."""

    title: str
    subtitle: str
    footer: str
    model: bytes  # GLB
    layers: tuple[Layer, ...]
    crops: Sequence[Picture] = ()


def viewer_html(page: ViewerPage) -> str:
    """Write the page."""
    assets = files("texsr.assets").joinpath("viewer")
    parts = {
        "title": html.escape(page.title),
        "subtitle": html.escape(page.subtitle),
        "footer": html.escape(page.footer),
        "style": assets.joinpath("viewer.css").read_text("utf-8"),
        "data": script_json(_data(page)),
        "library": _library(assets.joinpath("model-viewer.min.js").read_text("utf-8")),
        "script": assets.joinpath("viewer.js").read_text("utf-8"),
    }
    return filled(assets.joinpath("viewer.html").read_text("utf-8"), parts)


def filled(template: str, parts: dict[str, str]) -> str:
    """Put parts in the place of their {{names}}, once: what they contain is not looked at again."""
    return re.sub(r"\{\{(\w+)\}\}", lambda match: parts[match[1]], template)


def script_json(value: Any) -> str:
    """Write JSON that can stand inside a <script> element."""
    return json.dumps(value, separators=(",", ":")).replace("<", "\\u003c")


def data_url(image: EncodedImage) -> str:
    """Write an image as a URL that holds it."""
    return f"data:{image.mime};base64,{base64.b64encode(image.data).decode()}"


def _library(script: str) -> str:
    """Make a vendored script fit for inlining: no source map sought, no HTML comment opened."""
    return re.sub(r"\n//# sourceMappingURL=.*", "", script).replace("<!--", "<\\!--")


def _data(page: ViewerPage) -> dict[str, Any]:
    return {
        "model": base64.b64encode(page.model).decode(),
        "layers": [
            {
                "label": layer.label,
                "textures": [None if t is None else _inline(t) for t in layer.textures],
                "key": [{"label": label, "color": color} for label, color in layer.key],
            }
            for layer in page.layers
        ],
        "crops": [_crop(picture) for picture in page.crops],
    }


def _inline(image: EncodedImage) -> dict[str, str]:
    return {"type": image.mime, "data": base64.b64encode(image.data).decode()}


def _crop(picture: Picture) -> dict[str, Any]:
    height, width = picture.color.shape[:2]
    words = {"caption": picture.caption, "alt": picture.alt, "width": width, "height": height}
    return _inline(encode_jpeg(picture.color, quality=CROP_QUALITY)) | words
