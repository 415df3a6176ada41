"""A run's record -> one HTML page that needs no network and no script to be read."""

from collections.abc import Sequence
from importlib.resources import files

from texsr.pipeline.capture import Severity
from texsr.pipeline.formats.markup import Markup, element, joined, table
from texsr.pipeline.formats.pictures import encode_jpeg
from texsr.pipeline.formats.report_tables import (
    atlas_table,
    figure,
    origin_bar,
    percent,
    photo_tables,
    seconds,
    timing_chart,
    worth_table,
)
from texsr.pipeline.formats.viewer_page import data_url, filled
from texsr.pipeline.picture import Picture
from texsr.pipeline.record import AtlasRecord, RunRecord

PICTURE_QUALITY = 92
LITTLE_TO_GAIN_PX = 0.3  # photo px per output texel
MUCH_TO_GAIN_PX = 0.7


def report_html(record: RunRecord, pictures: Sequence[Picture] = ()) -> str:
    """Write the page."""
    assets = files("texsr.assets").joinpath("report")
    sections = [
        _verdict(record),
        _figures(record),
        _pictures(pictures),
        _section("worth", "Was it worth it?", _worth(record)),
        _section("origin", "Where the texels come from", _origins(record)),
        _section("left-out", "Photos that could not be used", _left_out(record)),
        _section("findings", "What else was found", _findings(record)),
        _section("photos", "Photos", photo_tables(record.atlases)),
        _section("atlases", "Atlases", atlas_table(record.atlases)),
        _section("time", "Time", timing_chart(record.timings_s)),
        _section("inputs", "What ran on what", _inputs(record)),
    ]
    parts = {
        "title": joined([f"texsr report: {_name(record.capture)}"]),
        "style": assets.joinpath("report.css").read_text("utf-8"),
        "script": assets.joinpath("report.js").read_text("utf-8"),
        "body": joined(sections),
    }
    return filled(assets.joinpath("report.html").read_text("utf-8"), parts)


def covered_share(atlases: Sequence[AtlasRecord], field: str) -> float:
    """Average a share of the covered texels over atlases, each by its covered texels."""
    weight = [a.share_covered * a.high_size_tx[0] * a.high_size_tx[1] for a in atlases]
    total = sum(weight)
    shares = [getattr(atlas, field) for atlas in atlases]
    return sum(w * s for w, s in zip(weight, shares, strict=True)) / total if total else 0.0


def _section(anchor: str, title: str, content: Markup) -> Markup:
    if not content:
        return Markup("")
    heading = element("h2", title, id=f"{anchor}-title")
    return element("section", heading, content, aria_labelledby=f"{anchor}-title")


def _verdict(record: RunRecord) -> Markup:
    """Say in a sentence or two what came of it."""
    used = _used(record)
    backed = covered_share(record.atlases, "share_photo_backed")
    first = (
        f"{record.model} made the textures {record.scale:g} times larger; {percent(backed)} of the "
        f"surface has detail from {len(used)} photo{'' if len(used) == 1 else 's'}."
    )
    medians = [atlas.worth.px_per_texel.median for atlas in record.atlases]
    level, second = _judgement(max(medians)) if medians else ("poor", "There was no atlas.")
    return element(
        "div",
        element("p", _name(record.capture), class_="over"),
        element("h1", first),
        element("p", second, class_=f"verdict {level}"),
        class_="hero",
    )


def _judgement(px_per_texel: float) -> tuple[str, str]:
    held = f"The photos hold {px_per_texel:.2f} px for each new texel in the median"
    if px_per_texel < LITTLE_TO_GAIN_PX:
        return "poor", f"{held}: there was little to gain at this scale."
    if px_per_texel < MUCH_TO_GAIN_PX:
        return "fair", f"{held}: part of the new resolution is real detail."
    return "good", f"{held}: the new resolution is largely real detail."


def _figures(record: RunRecord) -> Markup:
    names = {view.name for atlas in record.atlases for view in atlas.views}
    cards = [
        ("photo-backed", percent(covered_share(record.atlases, "share_photo_backed"))),
        ("seen by no photo", percent(covered_share(record.atlases, "share_unseen"))),
        ("photos used", f"{len(_used(record))} of {len(names) + len(record.left_out)}"),
        ("time", seconds(sum(record.timings_s.values()))),
    ]
    if record.atlases:
        before, after = (max(a.seam_error[i] for a in record.atlases) for i in (0, 1))
        cards.insert(3, ("seam error, of 255", f"{figure(before)} → {figure(after)}"))
    items = [element("div", element("dt", label), element("dd", value)) for label, value in cards]
    return element("dl", *items, class_="cards")


def _pictures(pictures: Sequence[Picture]) -> Markup:
    shown = [
        element(
            "figure",
            element(
                "img",
                src=data_url(encode_jpeg(picture.color, quality=PICTURE_QUALITY)),
                alt=picture.alt,
                width=picture.color.shape[1],
                height=picture.color.shape[0],
                loading="lazy",
            ),
            element("figcaption", picture.caption),
        )
        for picture in pictures
    ]
    content = element("div", *shown, class_="gallery") if shown else Markup("")
    return _section("pictures", "Before and after", content)


def _worth(record: RunRecord) -> Markup:
    note = (
        "Photo pixels for each new texel, from the photo that sees it best: 1 means that every "
        "new texel has a photo pixel of its own; below 0.3 an atlas gains little."
    )
    return joined([element("p", note, class_="note"), worth_table(record.atlases)])


def _origins(record: RunRecord) -> Markup:
    return joined(origin_bar(atlas, len(record.atlases) > 1) for atlas in record.atlases)


def _left_out(record: RunRecord) -> Markup:
    if not record.left_out:
        return Markup("")
    rows = [(v.name, v.reason.found, v.reason.expected, v.reason.remedy) for v in record.left_out]
    return table(("photo", "found", "expected", "what to do"), rows, caption="Photos left out")


def _findings(record: RunRecord) -> Markup:
    worst_first = [Severity.ERROR, Severity.WARNING, Severity.INFO]
    items = [
        element(
            "li",
            element("b", finding.severity.value, class_=f"tag {finding.severity.value}"),
            element("span", f"{finding.where}: {finding.text}"),
            element("em", finding.remedy) if finding.remedy else Markup(""),
        )
        for finding in sorted(record.findings, key=lambda f: worst_first.index(f.severity))
    ]
    return element("ul", *items, class_="findings") if items else Markup("")


def _inputs(record: RunRecord) -> Markup:
    rows = [
        ("capture", record.capture),
        ("mesh", record.mesh),
        ("cameras", record.cameras),
        ("model", record.model),
        ("device", record.device),
        ("scale", f"{record.scale:g}"),
        ("references", record.references_as),
        ("texsr", record.version),
    ]
    items = [element("div", element("dt", key), element("dd", value)) for key, value in rows]
    return element("dl", *items, class_="inputs")


def _used(record: RunRecord) -> set[str]:
    return {view.name for atlas in record.atlases for view in atlas.views if view.used}


def _name(capture: str) -> str:
    return capture.replace("\\", "/").rstrip("/").rsplit("/", 1)[-1] or capture
