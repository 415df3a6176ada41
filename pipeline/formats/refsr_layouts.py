"""One reader a layout of reference super-resolution folders; `refsr_folders` describes them."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from texsr.pipeline.errors import CaptureError
from texsr.pipeline.formats.paths import confined
from texsr.pipeline.refsr import RefsrLayout, RefsrScene

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff")
OTHER_SUFFIXES = (".bmp", ".webp", ".gif", ".ppm", ".pgm", ".exr", ".jp2", ".avif", ".heic")
FOLDER_PAIRS = (
    ("input", "ref"),
    ("truth", "references"),
    ("Sun_Hays_SR_groundtruth", "Sun_Hays_SR_scenematches"),
)
TRUTH_STEMS = ("truth", "input")
LOW_STEM = "low"  # a truth made smaller, which our own sets hold beside it: no reference
MAX_LIST_BYTES = 2**26

_NUMBERED = re.compile(r"(.+)_(0|[1-9]\d{0,3})")


@dataclass(frozen=True, slots=True, kw_only=True)
class LayoutReader:
    """How to recognise one layout and how to read it."""

    expected: str
    fits: Callable[[Path], bool]  # whether a folder was meant so, be it a broken one
    read: Callable[[Path], list[RefsrScene]]


def fault(
    where: str | Path,
    found: str,
    expected: str,
    remedy: str = "correct the folder, or name the layout that it has",
) -> CaptureError:
    """Give the error for a folder or a file of it that is not as its layout wants it."""
    return CaptureError(where, found=found, expected=expected, remedy=remedy)


def _numbered(root: Path) -> list[RefsrScene]:
    groups: dict[str, dict[int, Path]] = {}
    for path in _images(root):
        match = _NUMBERED.fullmatch(path.stem)
        if match is None:
            raise fault(path, f"the name '{path.name}'", "NAME_0 for a truth, else NAME_1, ...")
        group, level = groups.setdefault(match[1], {}), int(match[2])
        if level in group:
            raise fault(path, f"a second {path.stem}", "one picture of each number")
        group[level] = path
    scenes: list[RefsrScene] = []
    for name, group in groups.items():
        levels = sorted(group)
        if len(levels) < 2 or levels != list(range(len(levels))):
            numbers = ", ".join(map(str, levels))
            raise fault(root, f"'{name}' with the numbers {numbers}", "0, 1, 2, ... without a gap")
        truth, *references = (group[level] for level in levels)
        scenes.append(RefsrScene(name=name, truth=truth, references=tuple(references)))
    return scenes


def _paired(root: Path) -> list[RefsrScene]:
    truths, references = (_by_stem(folder) for folder in _pair(root))
    alone = sorted(truths.keys() ^ references.keys())
    if alone:
        found = f"{len(alone)} pictures without a partner, the first '{alone[0]}'"
        raise fault(root, found, "the same names in both folders")
    return [
        RefsrScene(name=name, truth=truth, references=(references[name],))
        for name, truth in truths.items()
    ]


def _matched(root: Path) -> list[RefsrScene]:
    truth_folder, reference_folder = _pair(root)
    truths = _by_stem(truth_folder)
    free = {folder.name: folder for folder in folders(reference_folder)}
    scenes: list[RefsrScene] = []
    for name, truth in truths.items():
        named = [free.pop(key) for key in dict.fromkeys((truth.name, name)) if key in free]
        if len(named) != 1:
            found = f"{len(named)} folders of references for {truth.name}"
            raise fault(reference_folder, found, f"one, named {truth.name} or {name}")
        references = tuple(_images(named[0]))
        if not references:
            raise fault(named[0], "no picture", "references")
        scenes.append(RefsrScene(name=name, truth=truth, references=references))
    if free:
        found = f"{len(free)} folders of references without a truth, the first '{min(free)}'"
        raise fault(reference_folder, found, f"a picture of each name in {truth_folder.name}")
    return scenes


def _listed(root: Path) -> list[RefsrScene]:
    lists = [path for path in _texts(root) if _is_list(path)]
    if len(lists) > 1:
        names = ", ".join(path.name for path in lists)
        raise fault(root, f"{len(lists)} lists of pictures ({names})", "one list")
    scenes: list[RefsrScene] = []
    for path in lists:
        for number, line in enumerate(_lines(path), start=1):
            names = _names(line)
            where = f"{path}: line {number}"
            if not names:
                continue
            if len(names) < 2:
                raise fault(where, f"{line.strip()[:80]!r}", "a truth and at least one reference")
            files = [_named(root, name, where) for name in names]
            name = Path(names[0].replace("\\", "/")).with_suffix("").as_posix()
            scenes.append(RefsrScene(name=name, truth=files[0], references=tuple(files[1:])))
    return scenes


def _grouped(root: Path) -> list[RefsrScene]:
    scenes: list[RefsrScene] = []
    for folder in folders(root):
        images = [path for path in _images(folder) if path.stem != LOW_STEM]
        truths = _truths_of_group(folder, images)
        if len(truths) != 1 or len(images) < 2:
            found = f"{len(images)} pictures, {len(truths)} of them named as a truth"
            raise fault(folder, found, "one truth, and references beside it")
        references = tuple(path for path in images if path != truths[0])
        scenes.append(RefsrScene(name=folder.name, truth=truths[0], references=references))
    return scenes


def _truths_of_group(folder: Path, images: list[Path]) -> list[Path]:
    suffix_of_name = [path for path in images if folder.name.endswith(f"_{path.name}")]
    return suffix_of_name or [path for path in images if path.stem in TRUTH_STEMS]


def _fits_numbered(root: Path) -> bool:
    return any(path.stem.endswith("_0") for path in _readable(root))


def _fits_paired(root: Path) -> bool:
    return any(bool(_readable(references)) for _, references in _pairs(root))


def _fits_matched(root: Path) -> bool:
    return any(bool(folders(references)) for _, references in _pairs(root))


def _fits_listed(root: Path) -> bool:
    return any(_is_list(path) for path in _texts(root))


def folders(root: Path) -> list[Path]:
    """List the folders in a folder, hidden ones aside."""
    return [path for path in _entries(root) if path.is_dir()]


def _images(folder: Path) -> list[Path]:
    """List pictures by name; one of a kind that is not read is an error, not passed over."""
    for path in _entries(folder):
        if path.suffix.lower() in OTHER_SUFFIXES and path.is_file():
            raise fault(path, f"a {path.suffix} picture", "PNG, JPEG or TIFF", "convert it")
    return _readable(folder)


def _readable(folder: Path) -> list[Path]:
    return [
        path
        for path in _entries(folder)
        if path.suffix.lower() in IMAGE_SUFFIXES and path.is_file()
    ]


def _texts(folder: Path) -> list[Path]:
    return [path for path in _entries(folder) if path.suffix.lower() == ".txt" and path.is_file()]


def _entries(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if not path.name.startswith("."))


def _by_stem(folder: Path) -> dict[str, Path]:
    pictures: dict[str, Path] = {}
    for path in _images(folder):
        if path.stem in pictures:
            raise fault(path, f"a second '{path.stem}'", "one picture of each name")
        pictures[path.stem] = path
    return pictures


def _pairs(root: Path) -> list[tuple[Path, Path]]:
    both = [(root / truths, root / references) for truths, references in FOLDER_PAIRS]
    return [pair for pair in both if all(folder.is_dir() for folder in pair)]


def _pair(root: Path) -> tuple[Path, Path]:
    pairs = _pairs(root)
    if len(pairs) != 1:
        known = ", or ".join("/ and ".join(pair) + "/" for pair in FOLDER_PAIRS)
        raise fault(root, f"{len(pairs)} pairs of folders that are known", f"one: {known}")
    return pairs[0]


def _is_list(path: Path) -> bool:
    with path.open("rb") as file:
        start = file.read(4096).decode("utf-8-sig", errors="replace")
    line = next((line for line in start.splitlines() if line.strip()), "")
    names = _names(line)
    return len(names) > 1 and all(Path(name).suffix.lower() in IMAGE_SUFFIXES for name in names)


def _lines(path: Path) -> Iterator[str]:
    if path.stat().st_size > MAX_LIST_BYTES:
        raise fault(path, f"{path.stat().st_size} bytes", f"a list of at most {MAX_LIST_BYTES}")
    try:
        yield from path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise fault(path, "bytes that are no UTF-8 text", "names of pictures") from None


def _names(line: str) -> list[str]:
    """Take a line apart: at tabs where it has some, so that names may hold spaces."""
    return [name.strip() for name in line.split("\t" if "\t" in line else None) if name.strip()]


def _named(root: Path, name: str, where: str) -> Path:
    path = confined(root, root, name, where=where)
    if not path.is_file():
        raise fault(where, f"the name {name!r}, and no such file", f"a picture below {root}")
    return path


def _fits_grouped(root: Path) -> bool:
    return not _pairs(root) and any(
        len(images := _readable(folder)) > 1 and _truths_of_group(folder, images)
        for folder in folders(root)
    )


LAYOUTS: dict[RefsrLayout, LayoutReader] = {
    RefsrLayout.NUMBERED: LayoutReader(
        expected="pictures NAME_0 (the truth), NAME_1, NAME_2, ... (references)",
        fits=_fits_numbered,
        read=_numbered,
    ),
    RefsrLayout.PAIRED: LayoutReader(
        expected="folders input/ and ref/ with pictures of the same names",
        fits=_fits_paired,
        read=_paired,
    ),
    RefsrLayout.MATCHED: LayoutReader(
        expected="a folder truth/ of pictures, and in references/ a folder named after each",
        fits=_fits_matched,
        read=_matched,
    ),
    RefsrLayout.LISTED: LayoutReader(
        expected="a text file with lines 'truth.png reference.png ...'",
        fits=_fits_listed,
        read=_listed,
    ),
    RefsrLayout.GROUPED: LayoutReader(
        expected="a folder a scene, with one picture named truth or input, or as the folder's "
        "name ends, and references beside it",
        fits=_fits_grouped,
        read=_grouped,
    ),
}
