"""The report shows where a run changed the surface."""

from texsr.flows.showing import report_pictures
from texsr.pipeline.stages.load import load_capture


def test_the_pictures_show_what_changed(capture):
    loaded = load_capture(capture)
    high = loaded.surface.atlases[0].stored.repeat(2, 0).repeat(2, 1)
    high[:16] = 255 - high[:16]
    pictures = report_pictures(loaded, [high])
    assert pictures
    assert all(picture.color.ndim == 3 for picture in pictures)
