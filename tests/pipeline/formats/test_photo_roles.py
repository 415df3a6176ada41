"""Lists of roles are read as text and as JSON; a name that means no photo is told."""

import json

import pytest

from texsr.pipeline.dataset import PhotoRole
from texsr.pipeline.errors import CaptureError
from texsr.pipeline.formats.photo_roles import read_photo_roles

NAMES = ["a.jpg", "left/b.jpg", "right/b.jpg", "images/c.jpg"]
BAKED, FRESH = PhotoRole.BAKED, PhotoRole.REFERENCE_ONLY


def listing(tmp_path, text: str):
    path = tmp_path / "list"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(("listed", "other"), [(BAKED, FRESH), (FRESH, BAKED)])
def test_a_text_list_tells_the_roles_of_all(listed, other, tmp_path):
    path = listing(tmp_path, "# of June\n\n images/a.jpg\r\nleft\\b.jpg\nc.jpg\n")
    assert read_photo_roles(path, NAMES, listed=listed) == {
        "a.jpg": listed,
        "left/b.jpg": listed,
        "right/b.jpg": other,
        "images/c.jpg": listed,
    }


def test_json_tells_roles_itself_and_may_be_silent_on_some(tmp_path):
    views = [{"name": "a.jpg", "role": "baked"}, {"name": "right/b.jpg", "role": "reference_only"}]
    path = listing(tmp_path, json.dumps({"views": views, "convention": "any"}))
    assert read_photo_roles(path, NAMES, listed=FRESH) == {"a.jpg": BAKED, "right/b.jpg": FRESH}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("b.jpg", "'b.jpg', and 2 photos"),
        ("d.jpg", "'d.jpg', and no photos"),
        ("# nothing\n", "no photo;"),
        ('{"views": []}', "no photo;"),
        ('{"views": [{"name": "a.jpg", "role": "sharp"}]}', "'sharp'; expected baked or"),
        ('{"views": [{"name": "a.jpg"}]}', "no 'role'"),
        ('{"photos": []}', "no 'views'"),
        ('{"views": [', "no JSON"),
    ],
)
def test_what_is_amiss_is_told(text, said, tmp_path):
    with pytest.raises(CaptureError, match=said):
        read_photo_roles(listing(tmp_path, text), NAMES, listed=BAKED)


def test_a_list_that_cannot_be_read_is_told(tmp_path):
    with pytest.raises(CaptureError, match="No such file"):
        read_photo_roles(tmp_path / "nowhere", NAMES, listed=BAKED)
    (tmp_path / "latin").write_bytes(b"caf\xe9.jpg\n")
    with pytest.raises(CaptureError, match="UTF-8"):
        read_photo_roles(tmp_path / "latin", NAMES, listed=BAKED)
