"""`texsr enlarge`: pictures without a mesh, larger, with photos that nothing aligns or alone."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from tests.pictures import picture
from tests.planes import drawn
from texsr.flows.cli import app
from texsr.flows.enlarge import EnlargeJob, enlarge
from texsr.flows.model_choice import shipped_folder
from texsr.flows.photo_stances import photo_of
from texsr.flows.pictures import enlarge_picture, references_for
from texsr.models.architectures import load_upscaler
from texsr.pipeline.atlas import ImageKind
from texsr.pipeline.errors import CaptureError, OutputError, SettingsError
from texsr.pipeline.formats.images import read_image, write_image

SCALE = 4


def stored(seed: int, height: int, width: int) -> np.ndarray:
    return (picture(seed, height, width).permute(1, 2, 0).numpy() * 255).astype(np.uint8)


@pytest.fixture
def truth() -> np.ndarray:
    return stored(3, 96, 128)


@pytest.fixture
def low(truth, tmp_path) -> Path:
    """A picture of 32 x 24, and beside it a photo that shows more of the same thing."""
    size = truth.shape[1] // SCALE, truth.shape[0] // SCALE
    path = tmp_path / "map.png"
    Image.fromarray(truth).resize(size, Image.Resampling.BICUBIC).save(path)
    photo = np.pad(truth, ((12, 8), (20, 4), (0, 0)), mode="reflect")
    (tmp_path / "photos").mkdir()
    Image.fromarray(photo).save(tmp_path / "photos" / "a.png")
    return path


def apart(path: Path, truth: np.ndarray) -> float:
    made, _ = read_image(path, where=path)
    return float(np.square(made.astype(float) - truth).mean())


def test_a_photo_of_the_same_thing_is_worth_decibels(low, truth):
    alone = enlarge(EnlargeJob(picture=low, model="fast"))
    assert alone.out == low.with_name("map_x4.png")
    assert alone.size_px == (128, 96)
    helped = enlarge(
        EnlargeJob(picture=low, references=(low.parent / "photos",), model="fast", force=True)
    )
    assert helped.references == (low.parent / "photos" / "a.png",)
    with_photo = apart(helped.out, truth)
    enlarge(EnlargeJob(picture=low, model="fast", force=True))
    assert 10 * np.log10(apart(helped.out, truth) / with_photo) > 2.0


def test_a_photo_that_lies_otherwise_is_laid_and_told_of(tmp_path):
    truth = (drawn(0, 192, 256).permute(1, 2, 0).numpy() * 255).astype(np.uint8)
    path, photo = tmp_path / "map.png", tmp_path / "front.png"
    Image.fromarray(truth).resize((64, 48), Image.Resampling.BICUBIC).save(path)
    larger = Image.fromarray(truth).resize((384, 288), Image.Resampling.BICUBIC)
    larger.transpose(Image.Transpose.ROTATE_90).transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(
        photo
    )
    job = EnlargeJob(picture=path, references=(photo,), model="fast", force=True)
    as_given = apart(enlarge(replace(job, as_given=True)).out, truth)
    outcome = enlarge(job)
    assert 10 * np.log10(as_given / apart(outcome.out, truth)) > 3.0
    (stance,) = outcome.stances
    assert stance.mirrored
    assert stance.px_per_texel == pytest.approx(1.5, rel=0.03)
    words = ["enlarge", str(path), "--model", "fast", "--reference", str(photo), "--force"]
    told = CliRunner().invoke(app, words).stdout
    assert "front.png: turned by" in told
    assert "mirrored, 1.5 px a texel" in told
    assert "turned" not in CliRunner().invoke(app, [*words, "--as-given"]).stdout


@pytest.mark.parametrize("related", [True, False])
def test_tiles_show_nowhere(truth, related):
    upscaler = load_upscaler("fast", shipped=shipped_folder())
    large = stored(3 if related else 5, 280, 360)
    low = np.asarray(Image.fromarray(large).resize((90, 70), Image.Resampling.BICUBIC))
    photos = [photo_of(large[12:, 20:] if related else truth)]
    laid = references_for(low, photos, upscaler, 4)
    assert laid is not None
    whole, tiled = (
        enlarge_picture(low, upscaler, 4, "cpu", references=laid.references, tile_tx=side).astype(
            int
        )
        for side in (128, 32)
    )
    assert np.abs(whole - tiled).max() <= 1


@pytest.mark.parametrize(("channels", "dtype"), [(1, np.uint8), (2, np.uint16), (4, np.uint8)])
def test_channels_and_depth_stay(channels, dtype, tmp_path):
    rng = np.random.default_rng(0)
    image = rng.integers(0, np.iinfo(dtype).max, (9, 7, channels)).astype(dtype)
    path = tmp_path / "odd.png"
    write_image(path, ImageKind.PNG, image)
    out = enlarge(EnlargeJob(picture=path, scale=2.5, model="projection")).out
    made, kind = read_image(out, where=out)
    assert out.name == "odd_x2.5.png"
    assert (made.shape, made.dtype, kind) == ((22, 18, channels), dtype, ImageKind.PNG)


def test_the_container_is_what_the_name_says(low, tmp_path):
    out = enlarge(EnlargeJob(picture=low, model="bicubic", out=tmp_path / "made.jpg")).out
    assert read_image(out, where=out)[1] is ImageKind.JPEG
    own = enlarge(EnlargeJob(picture=out, model="bicubic", out=tmp_path / "made.tif")).out
    assert read_image(own, where=own)[1] is ImageKind.TIFF


def test_photos_may_be_of_every_kind_that_a_capture_may_have(low):
    photos = low.parent / "photos"
    Image.open(photos / "a.png").save(photos / "b.webp", lossless=True)
    (photos / "a.png").unlink()
    assert enlarge(EnlargeJob(picture=low, references=(photos,))).references[0].suffix == ".webp"


def test_nothing_is_replaced_unless_that_is_asked(low):
    enlarge(EnlargeJob(picture=low, model="bicubic"))
    with pytest.raises(OutputError, match="already there"):
        enlarge(EnlargeJob(picture=low, model="bicubic"))
    with pytest.raises(OutputError, match="the picture itself"):
        enlarge(EnlargeJob(picture=low, model="bicubic", out=low, force=True))


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"references": ("photos",), "model": "projection"}, "--reference"),
        ({"references": ("nowhere.jpg",)}, "--reference"),
        ({"scale": 9.0}, "--scale"),
        ({"tile_tx": 4}, "--tile-size"),
        ({"model": "fst"}, "--model"),
    ],
)
def test_what_makes_no_sense_is_told_and_nothing_is_written(low, change, where):
    change = dict(change)
    if "references" in change:
        change["references"] = tuple(low.parent / name for name in change["references"])
    with pytest.raises(SettingsError) as told:
        enlarge(EnlargeJob(picture=low, **change))
    assert told.value.where == where
    assert not low.with_name("map_x4.png").exists()


def test_a_broken_photo_is_named(low):
    broken = low.parent / "photos" / "b.jpg"
    broken.write_bytes(b"\xff\xd8\xff nothing")
    with pytest.raises(CaptureError, match=r"b\.jpg"):
        enlarge(EnlargeJob(picture=low, references=(broken,)))


def test_the_command_answers(low):
    words = ["enlarge", str(low), "--model", "fast", "--reference", str(low.parent / "photos")]
    outcome = CliRunner().invoke(app, [*words, "--json"])
    facts = json.loads(outcome.stdout)
    assert (outcome.exit_code, facts["size_px"], facts["model"]) == (0, [128, 96], "fast")
    again = CliRunner().invoke(app, words)
    assert again.exit_code == 2
    assert "with 1 photo" in CliRunner().invoke(app, [*words, "--force"]).stdout
