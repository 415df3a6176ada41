"""The capture pipeline: nouns here, verbs in `stages`, file formats in `formats`.

Frames, units and colour, said once:

| what | rule |
| --- | --- |
| world | right-handed, the capture's own unit |
| camera | x right, y down, z forward; `cam_from_world` maps world points into it |
| photo plane | pixels; origin upper-left; pixel (0, 0) is centred at (0.5, 0.5) |
| uv | unit square; origin lower-left; v up |
| texel plane | texels; origin upper-left, row 0 is v = 1; texel (0, 0) is centred at (0.5, 0.5) |
| colour | float32 in [0, 1], sRGB-encoded unless the name ends in `_linear` |
| low, high | images before and after super-resolution; `scale` is the factor between them |
"""
