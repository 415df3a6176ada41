"""Every name found in a file stays inside the capture."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from texsr.pipeline.errors import CaptureError
from texsr.pipeline.formats.paths import confined

ESCAPES = {
    "parent step": "../secret.png",
    "parent steps": "images/../../secret.png",
    "absolute": "/etc/passwd",
    "drive letter": "C:/Windows/win.ini",
    "drive, relative": "c:secret.png",
    "UNC": "\\\\host\\share\\x.png",
    "UNC, slashes": "//host/share/x.png",
    "device namespace": "\\\\.\\C:\\x.png",
    "percent": "%2e%2e/secret.png",
    "percent slash": "..%2fsecret.png",
    "double percent": "%252e%252e%252fsecret.png",
    "backslash": "..\\secret.png",
    "mixed separators": "images\\../..\\secret.png",
    "trailing space": ".. /secret.png",
    "trailing dots": ".../secret.png",
    "null byte": "x.png\0.jpg",
    "encoded null": "x.png%00.jpg",
    "device": "images/NUL.png",
    "file URI": "file:///etc/passwd",
    "short file URI": "file:etc/passwd",
    "http URI": "HTTPS://example.org/x.png",
    "home": "~/secret.png",
    "another's home": "~root/secret.png",
    "overlong": "a/" * 3000 + "x.png",
    "overlong part": "x" * 300,
    "look-alike dots": "‥/secret.png",
    "look-alike letters": "．．／secret.png",
    "line break": "x\n.png",
    "empty": "",
    "blank": "  ",
    "padded absolute": " /etc/passwd",
}


@pytest.mark.parametrize("name", ESCAPES.values(), ids=ESCAPES.keys())
def test_names_that_lead_out_are_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "capture" / "images").mkdir(parents=True)
    with pytest.raises(CaptureError, match=r"list\.txt line 4") as caught:
        confined(tmp_path / "capture", tmp_path / "capture", name, where="list.txt line 4")
    assert len(str(caught.value)) < 600


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.png", "base/a.png"),
        ("sub/ä ö 文.png", "base/sub/ä ö 文.png"),
        ("sub\\a.png", "base/sub/a.png"),
        ("../other/a.png", "other/a.png"),
        ("100%.png", "base/100%.png"),
        ("a%20b.png", "base/a%20b.png"),
        ("./a..b.png", "base/a..b.png"),
        ("~draft.png", "base/~draft.png"),
        ("12:30 noon.png", "base/12:30 noon.png"),
        ("console.png", "base/console.png"),
    ],
)
def test_names_that_stay_are_kept_as_spelt(tmp_path: Path, name: str, expected: str) -> None:
    assert confined(tmp_path, tmp_path / "base", name, where="x") == tmp_path / expected


def test_links_may_point_inside_only(tmp_path: Path) -> None:
    root = tmp_path / "capture"
    (root / "images").mkdir(parents=True)
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "x.png").touch()
    (root / "in.png").symlink_to(root / "images")
    (root / "out.png").symlink_to(tmp_path / "outside" / "x.png")
    (root / "folder").symlink_to(tmp_path / "outside")
    (root / "loop").symlink_to(root / "loop")
    assert confined(root, root, "in.png", where="x") == root / "in.png"
    for name in ("out.png", "folder/x.png", "loop/x.png"):
        with pytest.raises(CaptureError, match=r"symbolic link|cannot be followed"):
            confined(root, root, name, where="x")


def test_a_linked_root_is_fine(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    expected = tmp_path / "link" / "a.png"
    assert confined(tmp_path / "link", tmp_path / "link", "a.png", where="x") == expected


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=st.text(st.sampled_from("./\\%2e5cfC:~a \0．"), max_size=12))
def test_whatever_is_let_through_stays_inside(tmp_path: Path, name: str) -> None:
    try:
        path = confined(tmp_path, tmp_path / "a", name, where="x")
    except CaptureError:
        return
    assert path.resolve().is_relative_to(tmp_path.resolve())
