"""A capture directory: which of its files are the mesh, the cameras, the photos and the masks."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath

from texsr.pipeline.capture import Finding, Severity
from texsr.pipeline.errors import CaptureError
from texsr.pipeline.formats.colmap import holds_colmap
from texsr.pipeline.formats.paths import confined
from texsr.pipeline.formats.photos import PHOTO_SUFFIXES

MESH_SUFFIXES = (".obj", ".glb", ".gltf", ".ply")
COLMAP_FOLDERS = ("sparse/0", "sparse", "colmap/sparse/0", ".")
TRANSFORMS = "transforms.json"

# Camera files that people hold and that are not read: naming them saves a search for the mistake.
_OTHER_CAMERAS = {
    ".xml": "a Metashape file",
    ".psx": "a Metashape project",
    ".csv": "a RealityCapture list",
    ".rcproj": "a RealityCapture project",
    ".sfm": "an AliceVision file",
    ".abc": "an Alembic file",
    ".mvs": "an OpenMVS file",
    ".out": "a Bundler file",
    ".nvm": "a VisualSFM file",
}


def find_mesh(root: Path, name: str | None) -> Path:
    """Find the mesh: the one named, else mesh.*, else the only mesh file of the directory.

    Raises:
        CaptureError: there is none, or there are several and none is named.
    """
    if name is not None:
        path = confined(root, root, name, where=f"{root}: mesh")
        if not path.is_file():
            raise CaptureError(
                f"{root}: mesh",
                found=f"the name {name!r}, and no such file",
                expected="a mesh file of the capture",
                remedy="correct the name that the settings or capture.toml give",
            )
        return path
    meshes = sorted(
        path
        for path in root.iterdir()
        if path.suffix.lower() in MESH_SUFFIXES and not path.name.startswith(".")
    )
    named_mesh = [path for path in meshes if path.stem == "mesh"]
    if len(named_mesh or meshes) == 1:
        return (named_mesh or meshes)[0]
    if not meshes:
        raise CaptureError(
            root,
            found="no mesh" if any(root.iterdir()) else "an empty directory",
            expected="mesh.obj, mesh.glb, mesh.gltf or mesh.ply, with UVs and a texture",
            remedy="copy the textured mesh into the capture, or name it in capture.toml",
        )
    raise CaptureError(
        root,
        found="several meshes: " + ", ".join(path.name for path in meshes[:8]),
        expected="one mesh",
        remedy=f'name the right one in capture.toml: mesh = "{meshes[0].name}"',
    )


def find_cameras(root: Path, name: str | None) -> tuple[Path, tuple[Finding, ...]]:
    """Find the cameras: the file or folder named, else the first of the usual places.

    Returns:
        A folder with a COLMAP model or a transforms.json, and what was passed over.

    Raises:
        CaptureError: there is none.
    """
    if name is not None:
        path = confined(root, root, name, where=f"{root}: cameras")
        if path.is_file() and holds_colmap(path.parent):
            path = path.parent
        if holds_colmap(path) or (path.is_file() and path.suffix.lower() == ".json"):
            return path, ()
        kind = _OTHER_CAMERAS.get(path.suffix.lower(), "no cameras that can be read")
        raise CaptureError(
            f"{root}: cameras",
            found=f"the name {name!r}, and {kind if path.exists() else 'nothing'} there",
            expected="a folder with a COLMAP model, or a transforms.json",
            remedy="correct the name that the settings or capture.toml give",
        )
    found = [root / folder for folder in COLMAP_FOLDERS if holds_colmap(root / folder)]
    if (root / TRANSFORMS).is_file():
        found.append(root / TRANSFORMS)
    if not found:
        raise _no_cameras(root)
    models = sorted(path.name for path in (root / "sparse").glob("[1-9]*") if holds_colmap(path))
    others = [_relative(path, root) for path in found[1:]] + [f"sparse/{name}" for name in models]
    if not others:
        return found[0], ()
    passed_over = Finding(
        severity=Severity.WARNING if models else Severity.INFO,
        where=str(root),
        text=f"cameras were taken from {_relative(found[0], root)}; "
        f"also there: {', '.join(others)}",
        remedy="name the right ones in capture.toml as cameras, if these are not",
    )
    return found[0], (passed_over,)


@dataclass(frozen=True, kw_only=True)
class PhotoFolder:
    """The photos and masks of one photo set, searched by name."""

    root: Path
    images: Path
    masks: Path

    def find_photo(self, name: str, *, near: Path, where: str) -> tuple[Path, bool]:
        """Find the photo that a camera file names.

        Tried in order: the name as it stands in `images`, beside the camera file (`near`) and in
        the capture's root, the name with a photo's extension, then any photo of `images` with the
        same stem, letter case aside.

        Returns:
            The photo, and whether it has another name than the one looked for.

        Raises:
            CaptureError: the name leaves the capture, or there is no such photo or more than one.
        """
        confined(self.root, near, name, where=where)
        bare = Path(name).suffix.lower() not in PHOTO_SUFFIXES
        for base in (near, self.images, self.root):
            for spelling in (name, *(name + suffix for suffix in PHOTO_SUFFIXES if bare)):
                try:
                    path = confined(self.root, base, spelling, where=where)
                except CaptureError:  # parent steps that are right beside the camera file only
                    break
                if path.is_file():
                    return path, False
        return self._alike(name, where), True

    def find_mask(
        self, photo: Path, mask_name: str | None, *, near: Path, where: str
    ) -> Path | None:
        """Find the mask of a photo: the one its camera file names, else x.png or x.jpg.png.

        Raises:
            CaptureError: the mask that is named is missing or leaves the capture.
        """
        if mask_name is not None:
            path = confined(self.root, near, mask_name, where=f"{where}: mask_path")
            if path.is_file():
                return path
            raise CaptureError(
                f"{where}: mask_path",
                found=f"the name {mask_name!r}, and no such file",
                expected="a mask inside the capture",
                remedy="copy the mask there or remove mask_path",
            )
        if not photo.is_relative_to(self.images):
            return None
        beside = photo.relative_to(self.images)
        for name in (beside.with_suffix(".png"), beside.with_name(beside.name + ".png")):
            if (self.masks / name).is_file():
                return confined(self.root, self.masks, name.as_posix(), where=where)
        return None

    @cached_property
    def _by_stem(self) -> dict[str, list[PurePosixPath]]:
        """Photos below `images`, by stem without letter case."""
        stems: dict[str, list[PurePosixPath]] = {}
        for path in sorted(self.images.rglob("*")):
            if path.suffix.lower() in PHOTO_SUFFIXES and path.is_file():
                relative = PurePosixPath(path.relative_to(self.images).as_posix())
                stems.setdefault(path.stem.casefold(), []).append(relative)
        return stems

    def _alike(self, name: str, where: str) -> Path:
        """Find the only photo that a name can mean when extension and letter case are let go."""
        wanted = PurePosixPath(name.replace("\\", "/"))
        stem = wanted.stem if wanted.suffix.lower() in PHOTO_SUFFIXES else wanted.name
        folder = wanted.parent.as_posix().casefold()
        alike = [
            path
            for path in self._by_stem.get(stem.casefold(), [])
            # The same stem in another camera's folder is another photo.
            if folder == "." or path.parent.as_posix().casefold() in (folder, ".")
        ]
        if len(alike) == 1:
            return confined(self.root, self.images, alike[0].as_posix(), where=where)
        raise CaptureError(
            where,
            found=f"no photo {name!r} in {self.images}"
            + (f", and several like it: {', '.join(map(str, alike[:4]))}" if alike else ""),
            expected="the photo that the cameras name",
            remedy="copy the photo there or exclude it",
        )


def _relative(path: Path, root: Path) -> str:
    return "the root" if path == root else path.relative_to(root).as_posix()


def _no_cameras(root: Path) -> CaptureError:
    others = [
        f"{path.name}, {kind} (not read)"
        for path in sorted(root.iterdir())
        if (kind := _OTHER_CAMERAS.get(path.suffix.lower())) is not None
    ]
    return CaptureError(
        root,
        found="; ".join(others[:4]) or "no cameras",
        expected=f"a COLMAP model in sparse/0 (or {', '.join(COLMAP_FOLDERS[1:3])}), "
        f"or {TRANSFORMS}",
        remedy="export the cameras to one of these, or name them in capture.toml",
    )
