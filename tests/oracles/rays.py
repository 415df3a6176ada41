"""The slow literal twin of `texsr.pipeline.rays`: every ray against every face."""

import numpy as np


def first_hit_of_one(vertices, faces, origin, direction):
    """Give (face, distance) of the nearest face along one ray, or (-1, inf)."""
    best, nearest = -1, np.inf
    for face, (i, j, k) in enumerate(faces):
        a, b, c = vertices[i], vertices[j], vertices[k]
        matrix = np.stack([-direction, b - a, c - a], axis=1)
        if abs(np.linalg.det(matrix)) < 1e-14:
            continue
        distance, v, w = np.linalg.solve(matrix, origin - a)
        if distance > 0 and v >= 0 and w >= 0 and v + w <= 1 and distance < nearest:
            best, nearest = face, distance
    return best, nearest


def edge_gap(vertices, faces, origin, direction):
    """Give how far a ray passes from the nearest edge, in barycentric units of the face's plane.

    Where this is tiny, single precision may rightly choose another face or none.
    """
    gap = np.inf
    for i, j, k in faces:
        a, b, c = vertices[i], vertices[j], vertices[k]
        matrix = np.stack([-direction, b - a, c - a], axis=1)
        if abs(np.linalg.det(matrix)) < 1e-5:
            return 0.0
        _, v, w = np.linalg.solve(matrix, origin - a)
        gap = min(gap, abs(v), abs(w), abs(1 - v - w))
    return gap
