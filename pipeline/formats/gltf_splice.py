"""Other bytes for some views of a glTF buffer, and what moves because of it."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from texsr.pipeline.formats.gltf_container import Gltf

ALIGNMENT = 4  # glTF aligns views to the size of their components, at most four bytes
COPY_BYTES = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Insertion:
    """A file that takes the place of the bytes [start, end) of a buffer."""

    view: int
    start: int
    end: int
    content: Path
    num_bytes: int

    @property
    def padded(self) -> int:
        """The room it takes, such that what follows keeps its alignment."""
        return self.num_bytes + (self.end - self.start - self.num_bytes) % ALIGNMENT


@dataclass(frozen=True, slots=True, kw_only=True)
class Splice:
    """The new layout of a buffer."""

    buffer: int
    insertions: tuple[Insertion, ...]  # by their start
    num_bytes: int
    offsets: dict[int, int]  # of every view of this buffer
    lengths: dict[int, int]  # of the views with new content

    def pieces(self, old: memoryview) -> Iterator[bytes | memoryview]:
        """Give the bytes of the buffer."""
        at = 0
        for each in self.insertions:
            yield old[at : each.start]
            with each.content.open("rb") as file:
                while block := file.read(COPY_BYTES):
                    yield block
            yield bytes(each.padded - each.num_bytes)
            at = each.end
        yield old[at:]


def splice_views(gltf: Gltf, contents: dict[int, Path]) -> list[Splice]:
    """Lay out the buffers anew so that some views hold other content.

    The old bytes of a view go where no other view looks at them; else they stay, and the new ones
    go to the end. All other bytes stay as they are, in their order.

    Args:
        gltf: the file.
        contents: the new content of views, by index.
    """
    views = gltf.document.items("bufferViews")
    of_buffer: dict[int, list[int]] = {}
    for index, view in enumerate(views):
        of_buffer.setdefault(view["buffer"].index(), []).append(index)
    return [
        _splice(gltf, buffer, members, contents)
        for buffer, members in of_buffer.items()
        if not contents.keys().isdisjoint(members)
    ]


def _splice(gltf: Gltf, buffer: int, members: list[int], contents: dict[int, Path]) -> Splice:
    views = gltf.document.items("bufferViews")
    ranges: dict[int, tuple[int, int]] = {}
    for index in members:
        start = views[index].index_of("byteOffset", 0)
        ranges[index] = (start, start + views[index]["byteLength"].index())
    # An extension of a view may hold offsets of its own that we cannot know: then nothing moves.
    fixed = any(views[index].get("extensions") is not None for index in members)
    end = len(gltf.buffer(buffer))
    insertions: list[Insertion] = []
    for index in (each for each in members if each in contents):
        start, stop = ranges[index]
        others = (ranges[each] for each in members if each != index)
        if fixed or any(low < stop and start < high for low, high in others):
            start = stop = end
        size = contents[index].stat().st_size
        insertions.append(
            Insertion(view=index, start=start, end=stop, content=contents[index], num_bytes=size)
        )
    insertions.sort(key=lambda each: (each.start, each.end))
    moves = [(each, each.padded - (each.end - each.start)) for each in insertions]
    offsets = {
        index: low + sum(move for each, move in moves if each.end <= low)
        for index, (low, _) in ranges.items()
    }
    shift = 0
    for each, move in moves:
        offsets[each.view] = each.start + shift
        shift += move
    return Splice(
        buffer=buffer,
        insertions=tuple(insertions),
        num_bytes=end + shift,
        offsets=offsets,
        lengths={each.view: each.num_bytes for each in insertions},
    )
