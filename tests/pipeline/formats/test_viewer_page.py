import re
import shutil
import subprocess

import numpy as np
import pytest

from tests.scenes import Shape, make_scene
from texsr.pipeline.formats.glb_writer import preview_glb
from texsr.pipeline.formats.page_textures import page_layers
from texsr.pipeline.formats.viewer_page import ViewerPage, viewer_html
from texsr.pipeline.picture import Picture

NASTY = "</script><script>alert('x')</script> & {{data}}"

# Watches what the page asks for; put into a copy of the page by the test.
WATCHER = """<script>
document.addEventListener("securitypolicyviolation", (event) => {
  document.documentElement.dataset.violation = event.blockedURI || event.violatedDirective;
});
setInterval(() => {
  const asked = performance.getEntriesByType("resource").map((entry) => entry.name);
  const elsewhere = asked.filter((name) => !name.startsWith("blob:"));
  document.documentElement.dataset.asked = elsewhere.join(" ");
}, 50);
</script>"""


def build(title="Cube", room_bytes=8e6):
    surface = make_scene(Shape.CUBE, low_tx=32, cameras=[]).surface
    before = surface.atlases[0].stored
    after = np.repeat(np.repeat(before, 4, axis=0), 4, axis=1)
    provenance = np.full((*after.shape[:2], 2), 4, np.uint8)
    model, atlases = preview_glb(surface, np.eye(3))
    layers = page_layers([before], [after], [provenance], atlases=atlases, room_bytes=room_bytes)
    crop = Picture(name="crop", caption=NASTY, alt=NASTY, color=before)
    return ViewerPage(
        title=title, subtitle="s", footer="f", model=model, layers=layers, crops=[crop]
    )


@pytest.fixture(scope="module")
def page():
    return viewer_html(build())


def test_page_loads_nothing_from_elsewhere(page):
    own = re.sub(r'<script type="module">.*?</script>', "", page, count=1, flags=re.S)
    assert len(own) < len(page) - 1_000_000
    assert re.findall(r"(?:src|href)\s*=\s*[\"']?(?:https?:)?//", own) == []
    assert re.findall(r"url\((?![\"']?data:)", own) == []
    assert "default-src 'none'" in page
    assert "sourceMappingURL" not in page


def test_words_from_outside_stay_words():
    page = viewer_html(build(title=NASTY))
    assert "<script>alert" not in page
    assert page.count("</script>") == 3
    assert "<!--" not in page
    assert "<title>&lt;/script&gt;" in page


def test_layers_are_before_after_and_two_overlays():
    layers = build().layers
    assert [layer.label for layer in layers] == ["Before", "After", "Origin", "Confidence"]
    assert [words for words, _ in layers[2].key][-1] == "photo-backed"
    assert all(layer.textures[0].mime == "image/jpeg" for layer in layers)


def test_textures_shrink_to_the_room_there_is():
    weights = [
        sum(len(layer.textures[0].data) for layer in build(room_bytes=room).layers[:2])
        for room in (8e6, 1e3)
    ]
    assert weights[1] < weights[0]


@pytest.mark.browser
def test_chromium_shows_both_meshes_and_asks_nobody(page, tmp_path):
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        pytest.skip("Chromium is not installed")
    path = tmp_path / "preview.html"
    path.write_text(page.replace("<head>", "<head>" + WATCHER, 1), encoding="utf-8")
    command = [
        chromium,
        "--headless",
        "--no-sandbox",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-quic",
        "--disable-sync",
        f"--user-data-dir={tmp_path / 'profile'}",
        "--virtual-time-budget=60000",
        "--dump-dom",
        path.as_uri(),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    root = re.search(r"<html[^>]*>", done.stdout)[0]
    assert 'data-ready="true"' in root
    assert 'data-asked=""' in root
    assert "data-violation" not in root
