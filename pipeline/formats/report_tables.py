"""The tables and bars of the report."""

import math
from collections.abc import Mapping, Sequence

from texsr.pipeline.formats.markup import Content, Markup, element, joined, table
from texsr.pipeline.overlays import ORIGINS
from texsr.pipeline.record import AtlasRecord, ViewRecord

SEEN_ONLY = "#8a94a0"


def percent(share: float) -> str:
    """Write a share; small ones keep a digit, so that none reads as nothing."""
    if not math.isfinite(share):
        return "–"
    return f"{share:.1%}" if 0 < share < 0.1 else f"{share:.0%}"


def figure(value: float) -> str:
    """Write a quantity with three significant digits."""
    return f"{value:.3g}" if math.isfinite(value) else "–"


def _two_places(value: float) -> str:
    return f"{value:.2f}" if math.isfinite(value) else "–"


def seconds(value: float) -> str:
    """Write a duration."""
    if value < 60:
        return f"{value:.1f} s"
    minutes, rest = divmod(round(value), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {rest:02d} s"


def worth_table(atlases: Sequence[AtlasRecord]) -> Markup:
    """Say how much finer the photos are than the atlases."""
    head = ("atlas", "px per new texel", "10 % to 90 %", "scale the photos fill", "can gain")
    rows = [
        (
            atlas.name,
            figure(atlas.worth.px_per_texel.median),
            f"{figure(atlas.worth.px_per_texel.p10)} to {figure(atlas.worth.px_per_texel.p90)}",
            f"× {figure(atlas.worth.fillable_scale)}",
            percent(atlas.worth.share_gaining),
        )
        for atlas in atlases
    ]
    return table(head, rows, caption="Photo pixels for each new texel") if rows else Markup("")


def atlas_table(atlases: Sequence[AtlasRecord]) -> Markup:
    """Say what was done to each atlas."""
    head = (
        "atlas",
        "texels before → after",
        "texels per unit",
        "seam error, of 255",
        "bits",
        "on charts",
        "claimed twice",
        "tiles",
        "alpha",
    )
    rows = [
        (
            a.name,
            f"{_size(a.low_size_tx)} → {_size(a.high_size_tx)}",
            f"{figure(a.tx_per_unit[0])} → {figure(a.tx_per_unit[1])}",
            f"{figure(a.seam_error[0])} → {figure(a.seam_error[1])}",
            a.bits,
            percent(a.share_covered),
            f"{a.stacked_texels:,}",
            a.num_tiles,
            a.alpha or "none",
        )
        for a in atlases
    ]
    return table(head, rows, caption="Atlases, before and after") if rows else Markup("")


def origin_bar(atlas: AtlasRecord, named: bool) -> Markup:
    """Draw where an atlas's texels come from as one bar, with its numbers as a list."""
    backed, unseen = atlas.share_photo_backed, atlas.share_unseen
    parts = [
        ("photo-backed", ORIGINS[4][1], backed),
        ("seen, without photo detail", SEEN_ONLY, max(0.0, 1.0 - backed - unseen)),
        ("unseen", ORIGINS[1][1], unseen),
    ]
    bar = [
        element("i", style=f"width:{100 * share:.2f}%;background:{color}")
        for _, color, share in parts
    ]
    items = [
        element("li", element("i", style=f"background:{color}"), f"{word} {percent(share)}")
        for word, color, share in parts
    ]
    head = [element("h3", atlas.name)] if named else []
    return element(
        "div",
        *head,
        element("div", *bar, class_="bar", aria_hidden="true"),
        element("ul", *items, class_="key"),
        class_="origin",
    )


def photo_tables(atlases: Sequence[AtlasRecord]) -> Markup:
    """List what each photo gave, one table an atlas; all but the first are folded."""
    tables: list[Markup] = []
    for index, atlas in enumerate(atlases):
        if not atlas.views:
            continue
        content = _photos(atlas)
        if len(atlases) > 1:
            summary = element("summary", f"{atlas.name}: {_count(atlas.views)}")
            opened = "open" if index == 0 else None
            content = element("details", summary, content, open=opened)
        tables.append(content)
    return joined(tables)


def _photos(atlas: AtlasRecord) -> Markup:
    head = ("photo", "used", "best on", "sees", "trust", "shift, px", "noise, of 255", "sharpness")
    order = sorted(atlas.views, key=lambda view: (not view.used, -view.share_best, view.name))
    return table((*head, "why"), map(_photo_row, order), caption=_count(atlas.views))


def _photo_row(view: ViewRecord) -> Sequence[Content]:
    return (
        view.name,
        element("b", "yes", class_="yes") if view.used else element("b", "no", class_="no"),
        _meter(view.share_best),
        percent(view.share_seen),
        *map(_two_places, (view.trust, view.shift_px, view.noise, view.sharpness)),
        view.reason,
    )


def _meter(share: float) -> Markup:
    width = 100 * min(max(share, 0.0), 1.0) if math.isfinite(share) else 0.0
    bar = element("i", style=f"width:{width:.1f}%", aria_hidden="true")
    return element("span", bar, element("span", percent(share)), class_="meter")


def timing_chart(timings_s: Mapping[str, float]) -> Markup:
    """Draw how long each stage took."""
    if not timings_s:
        return Markup("")
    longest = max(timings_s.values()) or 1.0
    rows = [
        (
            stage,
            element(
                "span",
                element("i", style=f"width:{100 * took / longest:.1f}%", aria_hidden="true"),
                class_="stretch",
            ),
            seconds(took),
        )
        for stage, took in timings_s.items()
    ]
    return table(("stage", "", "time"), rows, caption="Time of every stage")


def _count(views: Sequence[ViewRecord]) -> str:
    return f"{sum(view.used for view in views)} of {len(views)} photos used"


def _size(size_tx: tuple[int, int]) -> str:
    return f"{size_tx[1]} × {size_tx[0]}"
