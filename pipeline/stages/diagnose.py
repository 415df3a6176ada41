"""Capture -> Diagnosis: what was found, what is wrong, how to mend it.

Whether cameras and mesh belong together is judged by the pixels: where a point of the surface is
seen, the photo and the atlas must be bright and dark together. A pose that is wrong in any way
loses that agreement, and undoing the right mistake brings it back.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from statistics import median

import numpy as np

from texsr.pipeline.agreement import Fit, fit, sample_surface
from texsr.pipeline.atlas import TexturedMesh
from texsr.pipeline.capture import Capture, Finding, Photo, Severity, View
from texsr.pipeline.diagnosis import AtlasFacts, Diagnosis
from texsr.pipeline.errors import TexsrError
from texsr.pipeline.mistakes import known_mistakes
from texsr.pipeline.rays import RayCaster
from texsr.pipeline.record import Worth
from texsr.pipeline.uv_faults import UvFaults, find_uv_faults

Progress = Callable[[str, int, int], None]

NUM_SAMPLES = 2000
NUM_PHOTOS = 12  # enough to tell a habit from an accident
# A mistake is believed where undoing it brings the agreement to BELIEVED and what is missing to a
# full agreement down to this part: a bent lens costs little agreement, a wrong pose nearly all.
BELIEVED, MISSING_PART = 0.3, 0.7
STRANGE = 0.1  # agreement that chance brings
GOOD = 0.4
STRANGER_PART = 1 / 3  # of the usual agreement; a photo below it shows another thing
HARMFUL_STACKED = 0.005  # below it is what unwrapping leaves at chart borders
INSIDE = 0.05  # share of the surface that a photo shows, if it is of any use


def diagnose(
    capture: Capture,
    *,
    read_photo: Callable[[View], Photo] | None = None,
    worth: Worth | None = None,
    progress: Progress = lambda stage, done, total: None,
) -> Diagnosis:
    """Examine a capture.

    Args:
        read_photo: reads and undistorts a photo; None: judge by geometry alone.
        worth: what the photos hold beyond the atlas, where it was measured.
        progress: called with the stage's name, units done and units in all.
    """
    surface = capture.surface
    exam = _Exam(capture, read_photo, progress)
    fits = {view.name: exam.fit(view) for view in capture.views}
    sizes = [(atlas.height_tx, atlas.width_tx) for atlas in surface.atlases]
    uv = find_uv_faults(surface.mesh, surface.charts, sizes)
    convention = list(exam.convention_findings(fits))
    findings = (
        *capture.findings,
        *exam.unreadable,
        *_uv_findings(uv),
        *(convention or _photo_findings(fits)),
        *_winding_findings(exam),
    )
    span = np.ptp(surface.mesh.vertices, axis=0) if len(surface.mesh.vertices) else np.zeros(3)
    return Diagnosis(
        mesh=str(surface.path),
        cameras=str(capture.cameras_path),
        num_vertices=len(surface.mesh.vertices),
        num_faces=len(surface.mesh.faces),
        num_charts=int(surface.charts.chart_id.max(initial=-1)) + 1,
        size=float(np.linalg.norm(span)),
        unit_m=capture.unit_m,
        atlases=_atlas_facts(surface),
        uv=uv,
        fits=fits,
        left_out={one.name: str(one.reason) for one in capture.left_out},
        worth=worth,
        findings=findings,
    )


def _atlas_facts(surface: TexturedMesh) -> tuple[AtlasFacts, ...]:
    return tuple(
        AtlasFacts(
            name=atlas.name,
            height_tx=atlas.height_tx,
            width_tx=atlas.width_tx,
            channels=atlas.stored.shape[2],
            bits=atlas.stored.dtype.itemsize * 8,
            container=atlas.kind.value,
        )
        for atlas in surface.atlases
    )


class _Exam:
    """The photos that are looked at, and the points where they are compared with the atlas."""

    def __init__(
        self, capture: Capture, read_photo: Callable[[View], Photo] | None, progress: Progress
    ) -> None:
        self.capture = capture
        self.samples = sample_surface(capture.surface, count=NUM_SAMPLES)
        self.caster = RayCaster(capture.surface.mesh)
        self.unreadable: list[Finding] = []
        self.photos: dict[str, Photo] = {}
        self._progress = progress
        if read_photo is not None:
            self._read(_spread(capture.views, NUM_PHOTOS), read_photo)

    def _read(self, views: Sequence[View], read_photo: Callable[[View], Photo]) -> None:
        for done, view in enumerate(views, 1):
            try:
                self.photos[view.name] = read_photo(view)
            except TexsrError as error:
                text = f"cannot be read: found {error.found}"
                self.unreadable.append(
                    Finding(
                        severity=Severity.WARNING,
                        where=view.name,
                        text=text,
                        remedy=error.remedy,
                    )
                )
            self._progress("look at photos", done, len(views))

    def fit(self, view: View) -> Fit:
        """Say how one photo fits as it was read."""
        photo = self.photos.get(view.name)
        return fit(self.samples, view.camera, caster=self.caster, photo=photo)

    def convention_findings(self, fits: Mapping[str, Fit]) -> Iterator[Finding]:
        """Find the mistake whose undoing makes photos and atlas agree."""
        views = [view for view in self.capture.views if view.name in self.photos]
        if not views:
            yield from _blind_findings(list(fits.values()))
            return
        as_read = median(fits[view.name].score for view in views)
        scored: list[tuple[float, str, str]] = []
        mistakes = known_mistakes()
        for done, mistake in enumerate(mistakes, 1):
            undone = [
                fit(
                    self.samples,
                    view.camera,
                    caster=self.caster,
                    photo=self.photos[view.name],
                    mistake=mistake,
                )
                for view in views
            ]
            scored.append((median(f.score for f in undone), mistake.name, mistake.remedy))
            self._progress("compare conventions", done, len(mistakes))
        best, name, remedy = max(scored)
        if best >= BELIEVED and 1.0 - best <= MISSING_PART * (1.0 - as_read):
            yield Finding(
                severity=Severity.ERROR,
                where=str(self.capture.cameras_path),
                text=f"photos and atlas agree to {as_read:.2f} as read, but to {best:.2f} "
                f"if this was meant: {name}",
                remedy=remedy,
            )
        else:
            yield from _blind_findings([fits[view.name] for view in views])


def _spread(views: Sequence[View], most: int) -> list[View]:
    """Pick at most so many views, evenly over the list."""
    picked = np.unique(np.linspace(0, len(views) - 1, min(most, len(views))).round().astype(int))
    return [views[index] for index in picked]


def _blind_findings(fits: Sequence[Fit]) -> Iterator[Finding]:
    """Tell what no single mistake explains: photos that do not show the mesh at all."""
    if not fits:
        return
    if median(one.share_inside for one in fits) < INSIDE:
        behind = median(one.share_in_front for one in fits) < 0.5
        where = "behind the cameras" if behind else "outside the photos"
        yield Finding(
            severity=Severity.ERROR,
            where="cameras",
            text=f"the mesh lies {where} in most views, and no known mistake explains it",
            remedy="check that mesh and cameras come from the same reconstruction",
        )
        return
    known = [one.correlation for one in fits if one.correlation is not None]
    if known and median(known) < STRANGE:
        yield Finding(
            severity=Severity.ERROR,
            where="cameras",
            text=f"photos and atlas agree to only {median(known):.2f}, and no known mistake "
            "explains it",
            remedy="check that mesh, atlas and cameras come from the same reconstruction",
        )


def _photo_findings(fits: Mapping[str, Fit]) -> Iterator[Finding]:
    """Tell which photos do not belong to the others."""
    known = [one.correlation for one in fits.values() if one.correlation is not None]
    usual = median(known) if known else 0.0
    for name, one in fits.items():
        if one.share_inside < INSIDE:
            yield Finding(
                severity=Severity.WARNING,
                where=name,
                text=f"shows {one.share_inside:.0%} of the mesh by its pose",
                remedy="check its pose, or leave it out with --exclude",
            )
        elif (
            one.correlation is not None and one.correlation < STRANGER_PART * usual and usual > GOOD
        ):
            yield Finding(
                severity=Severity.WARNING,
                where=name,
                text=f"agrees with the atlas to {one.correlation:.2f}, the others to {usual:.2f}",
                remedy="it may show something else or stand elsewhere: leave it out with --exclude",
            )


def _uv_findings(uv: UvFaults) -> Iterator[Finding]:
    told = (
        (uv.faces_without_texture, "faces have no texture", "they are left as they are"),
        (uv.faces_without_area, "faces have no area", "they are ignored; remove them if you can"),
        (uv.faces_without_uv_area, "faces have no area in the texture", "they are ignored"),
        (uv.faces_outside, "faces leave the unit square", "unwrap without tiling textures"),
        (
            uv.mirrored_faces,
            "faces are mirrored in the texture",
            "harmless unless they are stacked",
        ),
    )
    for count, text, remedy in told:
        if count:
            severity = Severity.WARNING if "unit square" in text else Severity.INFO
            yield Finding(severity=severity, where="uv", text=f"{count} {text}", remedy=remedy)
    if uv.stacked_share > 0:
        harmful = uv.stacked_share > HARMFUL_STACKED
        yield Finding(
            severity=Severity.WARNING if harmful else Severity.INFO,
            where="uv",
            text=f"{100 * uv.stacked_share:.2g}% of covered texels are claimed by several faces",
            remedy="unwrap without stacked or mirrored charts; one owner a texel gets its photos"
            if harmful
            else "one face owns each",
        )


def _winding_findings(exam: _Exam) -> Iterator[Finding]:
    """Tell whether the faces that the cameras see turn their backs on them."""
    samples = exam.samples
    facing = seen = 0
    for view in exam.capture.views[:NUM_PHOTOS]:
        sight = view.camera.centre - samples.points
        origins = np.broadcast_to(view.camera.centre, sight.shape).copy()
        free = ~exam.caster.blocked(origins, samples.points)
        facing += int(((sight * samples.normals).sum(axis=1) > 0)[free].sum())
        seen += int(free.sum())
    if seen and facing < seen / 2:
        yield Finding(
            severity=Severity.ERROR,
            where="mesh",
            text=f"{1 - facing / seen:.0%} of what the cameras see are the backs of faces",
            remedy="turn the faces over: they must be counter-clockwise seen from outside",
        )
