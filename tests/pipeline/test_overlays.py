import numpy as np

from texsr.pipeline.overlays import ORIGINS, confidence_colors, origin_colors


def test_every_origin_has_its_own_color():
    levels = np.zeros((1, len(ORIGINS), 2), np.uint8)
    levels[0, :, 0] = range(len(ORIGINS))
    colors = origin_colors(levels, np.full((1, len(ORIGINS), 3), 0.5, np.float32))
    assert len(np.unique(colors.reshape(-1, 3), axis=0)) == len(ORIGINS)


def test_confidence_grows_lighter_and_off_the_charts_is_set_apart():
    provenance = np.full((1, 256, 2), 4, np.uint8)
    provenance[0, :, 1] = range(256)
    grey = np.full((1, 256, 3), 0.5, np.float32)
    lightness = confidence_colors(provenance, grey)[0].astype(float) @ [0.3, 0.59, 0.11]
    assert (np.diff(lightness[::16]) > 0).all()
    provenance[..., 0] = 0
    assert len(np.unique(confidence_colors(provenance, grey).reshape(-1, 3), axis=0)) == 1
