"""Places of all shapes, and records of them."""

from __future__ import annotations

from typing import Any, Final

from hypothesis import strategies as st

from icecube_hooks import AsymmetricError, Ellipse, Localization, Record
from icecube_hooks.testing import make_record


def at(ra: float, dec: float, **error: Any) -> Localization:
    return Localization(ra_deg=ra, dec_deg=dec, **{"containment": 0.9, **error})


def circle(ra: float, dec: float, radius: float, **more: Any) -> Localization:
    return at(ra, dec, error_radius_deg=radius, **more)


def ellipse(ra: float, dec: float, major: float, minor: float, angle: float | None) -> Localization:
    shape = Ellipse(semi_major_deg=major, semi_minor_deg=minor, position_angle_deg=angle)
    return at(ra, dec, ellipse=shape)


def box(
    ra: float, dec: float, *sides: float, angle: float | None = None, **more: Any
) -> Localization:
    west, east, south, north = sides
    shape = AsymmetricError(
        ra_minus_deg=west,
        ra_plus_deg=east,
        dec_minus_deg=south,
        dec_plus_deg=north,
        position_angle_deg=angle,
    )
    return at(ra, dec, asymmetric=shape, **more)


PLACES: Final = {
    "circle": circle(83.6, 22.0, 3.0),
    "small circle": circle(83.6, 22.0, 0.3),
    "circle across RA 0": circle(359.9, -40.0, 2.0),
    "circle around the north pole": circle(120.0, 89.0, 4.0),
    "circle around the south pole": circle(300.0, -85.0, 10.0),
    "circle through the pole": circle(40.0, 60.0, 30.0),
    "circle of a hemisphere": circle(10.0, -60.0, 90.0),
    "circle of most of the sky": circle(0.0, 10.0, 120.0),
    "most of the sky, its rest inside": circle(0.0, 0.0, 150.0),
    "ellipse": ellipse(45.0, 30.0, 5.0, 2.0, 35.0),
    "ellipse across RA 0": ellipse(0.2, 5.0, 4.0, 1.0, 100.0),
    "ellipse around a pole": ellipse(200.0, -88.5, 6.0, 3.0, 20.0),
    "long ellipse": ellipse(45.0, 30.0, 20.0, 0.5, 0.0),
    "box": box(150.0, 45.0, 2.0, 3.0, 1.0, 1.5),
    "box across RA 0": box(359.5, -20.0, 1.0, 2.0, 1.5, 0.5),
    "box at a pole": box(80.0, 88.0, 30.0, 50.0, 3.0, 4.0),
    "box at a pole across RA 0": box(5.0, 88.0, 30.0, 50.0, 3.0, 4.0),
    "cap": box(80.0, -88.0, 180.0, 180.0, 4.0, 3.0),
    "turned box": box(10.0, 60.0, 4.0, 2.0, 1.0, 3.0, angle=30.0),
    "turned box around a pole": box(10.0, 89.5, 200.0, 100.0, 1.0, 3.0, angle=-60.0),
}

CIRCLES: Final = st.builds(
    circle,
    st.floats(0, 360, exclude_max=True),
    st.floats(-90, 90),
    st.floats(0.1, 170),
)


def of(place: Localization | None, **more: Any) -> Record:
    """Return a record at a place."""
    return make_record(localization=place, **more)
