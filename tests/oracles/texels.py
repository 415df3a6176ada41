"""The slow literal twins of what is drawn on the texel plane: one texel, one face at a time."""

import numpy as np


def _side(a, b, p):
    """Twice the signed area of (a, b, p); exact where coordinates are eighths below a thousand."""
    return (b[0] - a[0]) * (p[1] - a[1]) - (b[1] - a[1]) * (p[0] - a[0])


def weights_of(corners, p):
    """Barycentric weights of a point; None for a triangle without area."""
    a, b, c = corners
    area = _side(a, b, c)
    if area == 0:
        return None
    return _side(b, c, p) / area, _side(c, a, p) / area, _side(a, b, p) / area


def owner_of(triangles, point):
    """Give (face, weights) of the lowest face that holds a point, its edges included; (-1, None).

    Args:
        triangles: corners as lists of plain floats, f 3 2.
        point: (x, y).
    """
    for face, corners in enumerate(triangles):
        weights = weights_of(corners, point)
        if weights is not None and min(weights) >= 0:
            return face, weights
    return -1, None


def nearest_border(triangles, edges, point):
    """Give (distance, face, place) of the point of some edges that is nearest; ties: lowest face.

    Args:
        triangles: corners, f 3 2.
        edges: (face, first corner).
        point: (x, y).
    """
    best = (np.inf, -1, None)
    for face, corner in sorted(edges):
        a, b = triangles[face][corner], triangles[face][(corner + 1) % 3]
        along = b - a
        t = min(max(float(along @ (point - a)) / float(along @ along), 0.0), 1.0)
        place = a + t * along
        distance = float(np.hypot(*(point - place)))
        if distance < best[0] - 1e-9:
            best = (distance, face, place)
    return best


def lone_edges(triangles):
    """Edges (face, first corner) that no other triangle has, by the place of their ends."""
    ends = {}
    for face, corners in enumerate(triangles):
        for corner in range(3):
            pair = frozenset((tuple(corners[corner]), tuple(corners[(corner + 1) % 3])))
            ends.setdefault(pair, []).append((face, corner))
    return [found[0] for found in ends.values() if len(found) == 1]


def filled(color, covered, reach):
    """Give every texel the colour of the nearest covered one, and say which lie within reach.

    Returns:
        the distance of every texel to the nearest covered one, and for each the set of colours
        that lie exactly so far.
    """
    height, width = covered.shape
    rows, columns = np.nonzero(covered)
    distance = np.zeros((height, width))
    choices = {}
    for y in range(height):
        for x in range(width):
            squared = (rows - y) ** 2 + (columns - x) ** 2
            distance[y, x] = np.sqrt(squared.min())
            ties = squared == squared.min()
            choices[y, x] = {tuple(c) for c in color[rows[ties], columns[ties]].tolist()}
    return distance, choices, distance <= reach
