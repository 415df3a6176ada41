"""Photos and masks of every kind come in as 8-bit RGB; what is no photo is told so."""

import io
import struct
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from texsr.pipeline.errors import CaptureError
from texsr.pipeline.formats.photos import check_photo, read_mask, read_photo, read_photo_header

COLOR = np.random.default_rng(2).integers(0, 256, (48, 64, 3), dtype=np.uint8)
PHOTO = Image.fromarray(COLOR)
GREY = np.asarray(PHOTO.convert("L"))


@pytest.mark.parametrize("suffix", ["png", "tif", "webp"])
def test_lossless_rgb_is_exact(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    PHOTO.save(path, lossless=True)
    color, opaque = read_photo(path, where="a")
    np.testing.assert_array_equal(color, COLOR)
    assert opaque is None
    header = check_photo(path, where="a")
    assert (header.width_px, header.height_px, header.turned) == (64, 48, False)


@pytest.mark.parametrize(
    ("mode", "suffix"),
    [
        *[(mode, "png") for mode in ("1", "L", "LA", "P", "RGBA", "I;16")],
        *[(mode, "jpg") for mode in ("L", "RGB", "CMYK", "YCbCr")],
        *[(mode, "tif") for mode in ("1", "L", "LA", "P", "RGBA", "I;16")],
        *[(mode, "webp") for mode in ("RGB", "RGBA")],
    ],
)
def test_every_mode_becomes_rgb(tmp_path: Path, mode: str, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    deep = Image.fromarray(GREY.astype(np.uint16) * 257)
    image = deep if mode == "I;16" else PHOTO.convert(mode)
    image.save(path)
    color, _ = read_photo(path, where="a")
    expected = np.asarray((Image.fromarray(GREY) if mode == "I;16" else image).convert("RGB"))
    close = 60.0 if suffix in ("jpg", "webp") else 1.0  # noise is what JPEG keeps worst
    assert np.abs(color.astype(float) - expected).mean() <= close


def test_sixteen_bits_are_rounded_to_eight(tmp_path: Path) -> None:
    import OpenImageIO

    deep = np.random.default_rng(3).integers(0, 65536, (20, 30, 3), dtype=np.uint16)
    path = tmp_path / "deep.tif"
    out = OpenImageIO.ImageOutput.create(str(path))
    out.open(str(path), OpenImageIO.ImageSpec(30, 20, 3, "uint16"))
    out.write_image(deep)
    out.close()
    color, _ = read_photo(path, where="deep")
    np.testing.assert_array_equal(color, np.rint(deep / 257.0).astype(np.uint8))


@pytest.mark.parametrize("suffix", ["png", "tif", "webp"])
def test_only_wholly_transparent_pixels_hold_no_colour(tmp_path: Path, suffix: str) -> None:
    alpha = np.full(COLOR.shape[:2], 255, np.uint8)
    alpha[:, :10], alpha[:, 10:20] = 0, 1
    path = tmp_path / f"a.{suffix}"
    Image.fromarray(np.dstack([COLOR, alpha])).save(path, lossless=True, exact=True)
    color, opaque = read_photo(path, where="a")
    assert opaque is not None
    np.testing.assert_array_equal(opaque, alpha > 0)
    np.testing.assert_array_equal(color[:, 10:], COLOR[:, 10:])


def test_exif_turns_nothing_and_is_told(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    for suffix in ("jpg", "png", "webp"):
        PHOTO.save(tmp_path / f"a.{suffix}", exif=exif)
        header = check_photo(tmp_path / f"a.{suffix}", where="a")
        assert (header.width_px, header.height_px, header.turned) == (64, 48, True)
        assert read_photo(tmp_path / f"a.{suffix}", where="a")[0].shape == (48, 64, 3)
    PHOTO.save(tmp_path / "a.tif", exif=exif)
    np.testing.assert_array_equal(read_photo(tmp_path / "a.tif", where="a")[0], COLOR)


def test_the_content_tells_the_container(tmp_path: Path) -> None:
    PHOTO.save(tmp_path / "a.png")
    (tmp_path / "a.png").rename(tmp_path / "a.jpg")
    np.testing.assert_array_equal(read_photo(tmp_path / "a.jpg", where="a")[0], COLOR)


def photo_bytes(kind: str, image: Image.Image = PHOTO) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind)
    return buffer.getvalue()


def png_of_size(width: int, height: int) -> bytes:
    head = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    checked = struct.pack(">I", 13) + head + struct.pack(">I", zlib.crc32(head))
    return b"\x89PNG\r\n\x1a\n" + checked + b"\0" * 60_000


FAULTS = {
    "empty": b"",
    "text": b"this is no photo" * 100,
    "GIF": photo_bytes("GIF"),
    "BMP": photo_bytes("BMP"),
    "JPEG, a start only": photo_bytes("JPEG")[:3],
    "JPEG, half": photo_bytes("JPEG")[:1500],
    "PNG, half": photo_bytes("PNG")[:4000],
    "PNG, head broken": photo_bytes("PNG")[:20] + b"\xff" * 100,
    "PNG of 100k x 100k": png_of_size(100_000, 100_000),
    "PNG of no pixel": png_of_size(0, 5),
    "WebP, half": photo_bytes("WEBP")[:2000],
    "another RIFF": b"RIFF\x10\0\0\0WAVEfmt " + b"\0" * 50,
    "TIFF, half": photo_bytes("TIFF")[:3000],
    "TIFF, head broken": b"II*\0\xff\xff\xff\x7f" + b"\0" * 50,
    "float TIFF": photo_bytes("TIFF", Image.fromarray(COLOR[..., 0].astype(np.float32))),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_is_no_photo_is_told_at_load(tmp_path: Path, fault: str) -> None:
    path = tmp_path / "bad.jpg"
    path.write_bytes(FAULTS[fault])
    with pytest.raises(CaptureError, match=r"list line 3: found .*bad\.jpg|list line 3: found a"):
        check_photo(path, where="list line 3")


def test_a_missing_photo_is_told(tmp_path: Path) -> None:
    with pytest.raises(CaptureError, match=r"found no file .*gone\.jpg"):
        check_photo(tmp_path / "gone.jpg", where="x")
    with pytest.raises(CaptureError, match="found no file"):
        check_photo(tmp_path, where="x")


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp"])
def test_a_blank_photo_is_told_by_its_size(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"blank.{suffix}"
    Image.new("RGB", (900, 700), (12, 34, 56)).save(path)
    with pytest.raises(CaptureError, match="blank"):
        check_photo(path, where="x")


def test_a_film_behind_a_photo_does_not_hurt(tmp_path: Path) -> None:
    path = tmp_path / "phone.jpg"
    path.write_bytes(photo_bytes("JPEG") + bytes(200_000))
    assert check_photo(path, where="x").width_px == 64


def test_headers_are_read_without_pixels(tmp_path: Path) -> None:
    path = tmp_path / "half.png"
    path.write_bytes(photo_bytes("PNG")[:4000])
    assert read_photo_header(path, where="x").height_px == 48


def test_pillows_own_guard_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    for suffix in ("png", "jpg", "tif"):
        PHOTO.save(tmp_path / f"a.{suffix}")
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert read_photo(tmp_path / f"a.{suffix}", where="a")[0].shape == (48, 64, 3)
    assert Image.MAX_IMAGE_PIXELS == 100


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "I;16"])
@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_masks_are_white_where_the_object_is(tmp_path: Path, mode: str, suffix: str) -> None:
    white = np.zeros((30, 40), bool)
    white[5:20, 8:30] = True
    if mode == "I;16":
        image = Image.fromarray(white.astype(np.uint16) * 65535)
    else:
        image = Image.fromarray(white.astype(np.uint8) * 255).convert(mode)
    image.save(tmp_path / f"m.{suffix}")
    np.testing.assert_array_equal(read_mask(tmp_path / f"m.{suffix}", where="m"), white)
