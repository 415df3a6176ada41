"""Images come back sample for sample, and a bad one is a typed error."""

import io
import struct
import time
import zlib

import numpy as np
import pytest
from PIL import Image, ImageCms

from texsr.pipeline.atlas import ImageKind
from texsr.pipeline.errors import CaptureError, OutputError
from texsr.pipeline.formats.images import NO_TIME, image_header, read_image, write_image

SIZE = (37, 53)  # h, w: odd, and not a whole number of bands


def noise(channels: int, dtype: type, size: tuple[int, int] = SIZE) -> np.ndarray:
    top = int(np.iinfo(dtype).max) + 1
    rng = np.random.default_rng(channels)
    return rng.integers(0, top, (*size, channels)).astype(dtype)


def picture(mode: str = "RGB") -> Image.Image:
    """A smooth picture, so that lossy codecs stay near it."""
    y, x = np.mgrid[0 : SIZE[0], 0 : SIZE[1]]
    return Image.fromarray(np.dstack([4 * x, 6 * y, 2 * (x + y)]).astype(np.uint8)).convert(mode)


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def png_chunk(tag: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + tag + body + struct.pack(">I", zlib.crc32(tag + body))


def png_of_size(width: int, height: int, *, pixels: bytes = b"") -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = [png_chunk(b"IHDR", header), png_chunk(b"IDAT", zlib.compress(pixels))]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks) + png_chunk(b"IEND", b"")


@pytest.mark.parametrize("kind", [ImageKind.PNG, ImageKind.TIFF])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("height", [1, 64, 130])
def test_lossless_containers_keep_every_sample(tmp_path, kind, dtype, channels, height):
    stored = noise(channels, dtype, (height, 53))
    path = tmp_path / "a b.image"
    write_image(path, kind, stored)
    again, found = read_image(path, where=path)
    assert found is kind
    assert again.dtype == stored.dtype
    np.testing.assert_array_equal(again, stored)
    from_bytes, _ = read_image(path.read_bytes(), where="embedded")
    np.testing.assert_array_equal(from_bytes, stored)
    assert [each.name for each in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("channels", [1, 3])
def test_jpeg_is_written_at_quality_95_without_subsampling(tmp_path, channels):
    stored = np.asarray(picture("L" if channels == 1 else "RGB")).reshape(*SIZE, channels)
    path = tmp_path / "a.jpg"
    write_image(path, ImageKind.JPEG, stored)
    again, kind = read_image(path, where=path)
    assert kind is ImageKind.JPEG
    assert np.abs(again.astype(int) - stored).max() <= 6
    with (
        Image.open(path) as seen,
        Image.open(io.BytesIO(encoded(picture(), "jpeg", quality=95))) as q,
    ):
        assert seen.quantization[0] == q.quantization[0]
        assert all(layer[1:3] == (1, 1) for layer in seen.layer)


def test_the_same_samples_give_the_same_bytes(tmp_path):
    for kind in (ImageKind.PNG, ImageKind.JPEG, ImageKind.TIFF):
        first, second = tmp_path / "first", tmp_path / "second"
        write_image(first, kind, noise(3, np.uint8))
        write_image(second, kind, noise(3, np.uint8))
        assert first.read_bytes() == second.read_bytes()
    # Both were written within a second: that the time of day is not in there has to be looked up.
    assert NO_TIME.encode() in (tmp_path / "first").read_bytes()
    assert time.strftime("%Y:%m").encode() not in (tmp_path / "first").read_bytes()


def test_a_memory_map_is_written_and_kept(tmp_path):
    stored = noise(3, np.uint8, (200, 1000))
    mapped = np.memmap(tmp_path / "raw", np.uint8, "w+", shape=stored.shape)
    mapped[:] = stored
    write_image(tmp_path / "a.png", ImageKind.PNG, mapped)
    np.testing.assert_array_equal(mapped, stored)
    np.testing.assert_array_equal(read_image(tmp_path / "a.png", where="a")[0], stored)


@pytest.mark.parametrize(
    ("mode", "options", "expected"),
    [("P", {}, "RGB"), ("1", {}, "L"), ("RGB", {"interlace": True}, "RGB")],
)
def test_palettes_bits_and_interlacing_are_spread_out(mode, options, expected):
    source = picture().convert(mode)
    stored, _ = read_image(encoded(source, "png", **options), where="a.png")
    wanted = np.asarray(source.convert(expected))
    np.testing.assert_array_equal(stored, wanted.reshape(*SIZE, -1))


def test_the_content_tells_the_container(tmp_path):
    path = tmp_path / "atlas.jpg"
    path.write_bytes(encoded(picture(), "png"))
    stored, kind = read_image(path, where=path)
    assert kind is ImageKind.PNG
    np.testing.assert_array_equal(stored, np.asarray(picture()))


def test_exif_orientation_is_never_applied():
    exif = Image.Exif()
    exif[274] = 6
    turned, _ = read_image(encoded(picture(), "jpeg", exif=exif), where="a.jpg")
    plain, _ = read_image(encoded(picture(), "jpeg"), where="a.jpg")
    np.testing.assert_array_equal(turned, plain)


@pytest.mark.parametrize("kind", list(ImageKind))
def test_an_icc_profile_is_carried(tmp_path, kind):
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    original = encoded(picture(), kind.value, icc_profile=profile)
    header = image_header(original, where="a")
    assert header.profile == profile
    path = tmp_path / "out"
    write_image(path, kind, noise(3, np.uint8), like=header)
    assert image_header(path, where=path).profile == profile
    with Image.open(path) as seen:
        assert seen.info["icc_profile"] == profile


def test_premultiplied_tiffs_stay_so(tmp_path):
    stored = noise(4, np.uint16)
    path = tmp_path / "a.tif"
    write_image(path, ImageKind.TIFF, stored)
    header = image_header(path, where=path)
    assert not header.premultiplied
    associated = path.read_bytes().replace(
        struct.pack("<HHI", 338, 3, 1) + b"\2\0", struct.pack("<HHI", 338, 3, 1) + b"\1\0"
    )
    header = image_header(associated, where=path)
    assert header.premultiplied
    np.testing.assert_array_equal(read_image(associated, where=path)[0], stored)
    write_image(path, ImageKind.TIFF, stored, like=header)
    assert image_header(path, where=path).premultiplied
    np.testing.assert_array_equal(read_image(path, where=path)[0], stored)


def bad_images() -> dict[str, bytes]:
    jpeg, png = encoded(picture(), "jpeg", quality=95), encoded(picture(), "png")
    tiff = encoded(picture(), "tiff", compression="tiff_lzw")
    broken_png = bytearray(png)
    broken_png[len(png) // 2 : len(png) // 2 + 8] = b"\xff" * 8
    wide_jpeg = bytearray(jpeg)
    frame = jpeg.index(b"\xff\xc0")
    wide_jpeg[frame + 5 : frame + 9] = b"\xff\xff\xff\xff"
    gray = picture("L")
    return {
        "empty": b"",
        "text": b"not an image at all",
        "png magic alone": png[:8],
        "png cut in its header": png[:20],
        "png cut in its pixels": png[: len(png) // 2],
        "png without its last pixels": png[:-30],
        "png damaged": bytes(broken_png),
        "png of 100k x 100k": png_of_size(100_000, 100_000),
        "png of 32769 x 1": png_of_size(32_769, 1, pixels=bytes(3 * 32_769)),
        "png of 32768 square": png_of_size(32_768, 32_768),
        "png bomb within the size budget": png_of_size(30_000, 30_000),
        "png of no width": png_of_size(0, 10),
        "png of impossible colour type": png.replace(b"\x08\x02\0\0\0", b"\x08\x05\0\0\0", 1),
        "jpeg magic alone": jpeg[:4],
        "jpeg cut in its pixels": jpeg[: len(jpeg) * 2 // 3],
        "jpeg without a frame": b"\xff\xd8\xff\xda\0\x08" + bytes(20),
        "jpeg of 65535 square": bytes(wide_jpeg),
        "jpeg in CMYK": encoded(picture("CMYK"), "jpeg"),
        "tiff in CMYK": encoded(picture("CMYK"), "tiff"),
        "tiff in floating point": encoded(gray.convert("F"), "tiff"),
        "tiff of 32-bit integers": encoded(gray.convert("I"), "tiff"),
        "tiff cut": tiff[: len(tiff) // 2],
        "tiff with no tags": b"II*\0\x08\0\0\0\0\0",
        "tiff pointing outside": b"MM\0*\xff\xff\xff\xf0",
        "gif": encoded(picture("P"), "gif"),
        "webp": b"RIFF\0\0\0\0WEBPVP8 ",
        "openexr": b"\x76\x2f\x31\x01" + bytes(40),
    }


@pytest.mark.parametrize("name", bad_images())
def test_bad_images_are_typed_errors(tmp_path, name):
    path = tmp_path / "atlas.png"
    path.write_bytes(bad_images()[name])
    for source in (path, path.read_bytes()):
        with pytest.raises(CaptureError) as caught:
            read_image(source, where="mesh.mtl: map_Kd 'atlas.png'")
        assert caught.value.where == "mesh.mtl: map_Kd 'atlas.png'"
        assert caught.value.found
        assert caught.value.remedy


def test_a_missing_image_is_a_typed_error(tmp_path):
    with pytest.raises(CaptureError, match=r"gone\.png"):
        read_image(tmp_path / "gone.png", where="mesh.mtl")
    with pytest.raises(CaptureError):
        read_image(tmp_path, where="mesh.mtl")


@pytest.mark.parametrize(("channels", "dtype"), [(4, np.uint8), (3, np.uint16)])
def test_jpeg_refuses_what_it_cannot_hold(tmp_path, channels, dtype):
    with pytest.raises(OutputError, match="texture-format png"):
        write_image(tmp_path / "a.jpg", ImageKind.JPEG, noise(channels, dtype))
    assert not list(tmp_path.iterdir())


def test_a_place_that_cannot_be_written_is_a_typed_error(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError):
        write_image(tmp_path / "file" / "a.png", ImageKind.PNG, noise(3, np.uint8))
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(OutputError):
        write_image(tmp_path / "folder.png", ImageKind.PNG, noise(3, np.uint8))
    assert sorted(each.name for each in tmp_path.iterdir()) == ["file", "folder.png"]
