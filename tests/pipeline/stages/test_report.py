import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

from texsr.pipeline.capture import Finding, LeftOut, Severity
from texsr.pipeline.errors import CaptureError
from texsr.pipeline.formats.report_page import covered_share
from texsr.pipeline.picture import Picture
from texsr.pipeline.record import AtlasRecord, RunRecord, Spread, ViewRecord, Worth
from texsr.pipeline.stages.report import write_report

NASTY = "<script>alert('x')</script> & \"quoted\" {{style}}"


def view(name="a.jpg", **changes):
    base = ViewRecord(
        name=name,
        used=True,
        reason="adds resolution",
        share_seen=0.5,
        share_best=0.25,
        trust=0.9,
        shift_px=0.3,
        noise=1.5,
        sharpness=1.0,
    )
    return replace(base, **changes)


def atlas(name="atlas.png", **changes):
    base = AtlasRecord(
        name=name,
        low_size_tx=(256, 512),
        high_size_tx=(1024, 2048),
        bits=8,
        alpha="",
        share_covered=0.7,
        share_unseen=0.1,
        share_photo_backed=0.8,
        tx_per_unit=(100.0, 400.0),
        seam_error=(5.0, 3.5),
        num_tiles=9,
        stacked_texels=0,
        worth=Worth(
            px_per_texel=Spread(p10=0.4, median=0.8, p90=1.2), fillable_scale=3.2, share_gaining=0.9
        ),
        views=(view(), view("b.jpg", used=False, reason="sees nothing finer")),
    )
    return replace(base, **changes)


def record(**changes):
    base = RunRecord(
        capture="/data/shell",
        mesh="mesh.obj",
        cameras="sparse/0",
        model="projection",
        device="cpu",
        scale=4.0,
        version="0.1.0",
        atlases=(atlas(),),
        left_out=(),
        findings=(),
        timings_s={"load": 1.5, "bake": 62.0},
    )
    return replace(base, **changes)


class Balance(HTMLParser):
    """Checks that every element that is opened is closed, in order."""

    def __init__(self):
        super().__init__()
        self.open, self.text = [], []

    def handle_starttag(self, tag, attrs):
        if tag not in ("meta", "img", "br", "input"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def written(tmp_path, run, pictures=()):
    page, data = write_report(run, tmp_path, pictures)
    text = page.read_text("utf-8")
    balance = Balance()
    balance.feed(text)
    assert balance.open == []
    return text, " ".join(balance.text), json.loads(data.read_text("utf-8"))


def test_json_has_every_field_under_its_name(tmp_path):
    _, _, data = written(tmp_path, record())
    assert data["format"] == 1
    assert set(data) == {"format", *RunRecord.__dataclass_fields__}
    assert set(data["atlases"][0]) == set(AtlasRecord.__dataclass_fields__)
    assert set(data["atlases"][0]["views"][1]) == set(ViewRecord.__dataclass_fields__)
    assert data["atlases"][0]["high_size_tx"] == [1024, 2048]
    assert data["timings_s"] == {"load": 1.5, "bake": 62.0}


def test_json_tells_errors_in_four_parts_and_no_nan(tmp_path):
    error = CaptureError("c.jpg", found="nothing", expected="a photo", remedy="copy it")
    run = record(
        left_out=(LeftOut(name="c.jpg", reason=error),),
        atlases=(atlas(views=(view(noise=float("nan"), shift_px=float("inf")),)),),
        findings=(Finding(severity=Severity.WARNING, where="masks", text="none"),),
    )
    _, text, data = written(tmp_path, run)
    assert data["left_out"][0]["reason"] == error.as_json()
    assert data["findings"][0]["severity"] == "warning"
    assert data["atlases"][0]["views"][0]["noise"] is None
    assert "nan" not in text
    assert all(word in text for word in ("c.jpg", "a photo", "copy it"))


def test_words_from_outside_stay_words(tmp_path):
    error = CaptureError(NASTY, found=NASTY, expected=NASTY, remedy=NASTY)
    run = record(
        capture=NASTY,
        mesh=NASTY,
        model=NASTY,
        atlases=(atlas(NASTY, alpha=NASTY, views=(view(NASTY, reason=NASTY),)),),
        left_out=(LeftOut(name=NASTY, reason=error),),
        findings=(Finding(severity=Severity.INFO, where=NASTY, text=NASTY, remedy=NASTY),),
        timings_s={NASTY: 1.0},
    )
    picture = Picture(name="p", caption=NASTY, alt=NASTY, color=np.zeros((4, 4, 3), np.uint8))
    page, text, _ = written(tmp_path, run, [picture])
    assert "alert('x')" not in page.replace(text, "")
    assert page.count("<script>") == 1
    assert text.count(NASTY) >= 10


def test_page_is_whole_in_itself(tmp_path):
    picture = Picture(name="p", caption="a crop", alt="two", color=np.zeros((9, 16, 3), np.uint8))
    page, text, _ = written(tmp_path, record(), [picture])
    assert re.findall(r"(?:src|href)=\"(?!data:)", page) == []
    assert "default-src 'none'" in page
    assert 'alt="two" width="16" height="9"' in page
    assert "a crop" in text


@pytest.mark.parametrize(
    ("median", "words"),
    [(0.1, "little to gain"), (0.5, "part of the new resolution"), (1.1, "largely real")],
)
def test_verdict_follows_what_the_photos_hold(tmp_path, median, words):
    worth = Worth(
        px_per_texel=Spread(p10=0, median=median, p90=2), fillable_scale=1, share_gaining=0
    )
    _, text, _ = written(tmp_path, record(atlases=(atlas(worth=worth),)))
    assert words in text


def test_many_photos_and_atlases_are_folded(tmp_path):
    views = tuple(view(f"photos/{i:03d}.jpg", share_best=i / 300) for i in range(300))
    page, text, _ = written(
        tmp_path, record(atlases=tuple(atlas(f"{n}.png", views=views) for n in "abc"))
    )
    assert page.count("<details") == 3
    assert page.count("<details open") == 1
    assert text.index("photos/299.jpg") < text.index("photos/001.jpg")
    assert page.count("photos/123.jpg") == 3


def test_empty_record_still_reads(tmp_path):
    _, text, data = written(tmp_path, record(atlases=(), timings_s={}))
    assert "There was no atlas." in text
    assert data["atlases"] == []


def test_shares_are_weighted_by_covered_texels():
    small = atlas(high_size_tx=(10, 10), share_covered=1.0, share_unseen=1.0)
    large = atlas(high_size_tx=(30, 10), share_covered=1.0, share_unseen=0.0)
    assert covered_share((small, large), "share_unseen") == pytest.approx(0.25)
