"""What counts as a p-value, a sigma, a log p and a number of trials; the same rules everywhere.

======================================  ======================================================
input                                   answer
======================================  ======================================================
``None``                                ``None``: not stated stays not stated
a number (``int``, ``float``, numpy)    a ``float``
an array or a sequence of numbers       a ``float64`` array of that shape
``True``, ``"0.01"``, ``"null"``        `PValueError`
NaN, or outside the stated range        `PValueError`, for an array with the first bad index
a masked array, a quantity with unit    `PValueError`: mask and unit would be lost
======================================  ======================================================
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

from icecube_hooks import IceCubePluginError, Sided

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    T = TypeVar("T", float, float | None, Array)
else:  # numpy is imported when the first array comes
    T = TypeVar("T")

__all__ = [
    "COUNT",
    "LOG_P",
    "PROBABILITY",
    "RATE",
    "SIGMA",
    "TRIALS",
    "Domain",
    "PValueError",
    "apply",
    "checked_sided",
]

SHOWN_CHARACTERS: Final = 40


class PValueError(IceCubePluginError, ValueError):
    """A value is no p-value, sigma, rate or number of trials.

    Attributes
    ----------
    reason : str
        What was expected.
    value : object
        What came instead.

    Examples
    --------
    >>> print(PValueError("expected a p-value in [0, 1]", 1.5))
    expected a p-value in [0, 1], got 1.5
    """

    def __init__(self, reason: str, value: object) -> None:
        super().__init__(reason, value)
        self.reason = reason
        self.value = value

    def __str__(self) -> str:
        text = ascii(self.value)
        short = text if len(text) <= SHOWN_CHARACTERS else f"{text[: SHOWN_CHARACTERS - 3]}..."
        return f"{self.reason}, got {short}"


class Domain(NamedTuple):
    """A closed range of numbers and its name."""

    expected: str
    low: float
    high: float

    def number(self, value: object) -> float:
        """Return `value` as a float.

        Raises
        ------
        PValueError
            If it is no number of this range.
        """
        if type(value) is float and self.low <= value <= self.high:
            return value
        plain = isinstance(value, int | float) and not isinstance(value, bool)
        try:
            number = float(value if plain else self._numpy_scalar(value))  # type: ignore[arg-type]  # plain
        except OverflowError:
            raise PValueError(f"expected {self.expected}", value) from None
        if self.low <= number <= self.high:
            return number
        raise PValueError(f"expected {self.expected}", number)

    def array(self, value: object) -> Array:
        """Return `value` as a float64 array, each element checked.

        Raises
        ------
        PValueError
            Names the first element that is out of range.
        """
        import numpy as np

        if hasattr(value, "mask") or hasattr(value, "unit"):
            raise PValueError(f"expected plain numbers ({self.expected})", type(value).__name__)
        found = np.asarray(value)
        if found.dtype.kind not in "fiu":
            raise PValueError(f"expected numbers ({self.expected})", value)
        numbers: Array = found.astype(np.float64)
        bad = ~((numbers >= self.low) & (numbers <= self.high))
        if bad.any():
            index = tuple(int(i) for i in np.argwhere(bad)[0])
            place = ", ".join(map(str, index))
            raise PValueError(f"expected {self.expected} at [{place}]", float(numbers[index]))
        return numbers

    def _numpy_scalar(self, value: object) -> Any:
        """Unwrap a numpy integer or float; refuse everything else."""
        if getattr(value, "ndim", None) == 0 and not hasattr(value, "unit"):
            inner = value.item()  # type: ignore[attr-defined]  # has ndim: numpy's
            if isinstance(inner, int | float) and not isinstance(inner, bool):
                return inner
        raise PValueError(f"expected {self.expected}", value)


PROBABILITY: Final = Domain("a p-value in [0, 1]", 0.0, 1.0)
LOG_P: Final = Domain("a natural logarithm of a p-value, <= 0", -math.inf, 0.0)
SIGMA: Final = Domain("a number of sigma", -math.inf, math.inf)
SIGMA_TWO_SIDED: Final = Domain("a two-sided number of sigma, >= 0", 0.0, math.inf)
TRIALS: Final = Domain("a number of trials, finite and >= 1", 1.0, 1.7976931348623157e308)
COUNT: Final = Domain("an expected number, finite and >= 0", 0.0, 1.7976931348623157e308)
RATE: Final = Domain("a rate or duration, finite and >= 0", 0.0, 1.7976931348623157e308)


def checked_sided(sided: object) -> Sided:
    """Return `sided` as `Sided`.

    Raises
    ------
    PValueError
        If it is neither ``one-sided`` nor ``two-sided``.
    """
    if isinstance(sided, Sided):
        return sided
    try:
        return Sided(sided)  # type: ignore[arg-type]  # refused by the enum itself
    except ValueError:
        raise PValueError("expected 'one-sided' or 'two-sided'", sided) from None


def is_scalar(value: object) -> bool:
    """Whether `value` is one thing rather than an array or a sequence."""
    if type(value) is float or isinstance(value, (float, int, str, bytes)):
        return True
    return getattr(value, "ndim", 0) == 0 and not isinstance(value, list | tuple)


def apply(
    value: T,
    domain: Domain,
    scalar: Callable[[float], float],
    array: Callable[[Array], Array],
) -> T:
    """Check `value` against `domain` and give it to the function of its kind."""
    if value is None:
        return value
    result: Any = scalar(domain.number(value)) if is_scalar(value) else array(domain.array(value))
    return result  # type: ignore[no-any-return]  # float for a scalar, array for an array


def apply_with_trials(
    value: T,
    n: object,
    domain: Domain,
    scalar: Callable[[float, float], float],
    array: Callable[[Array, Array], Array],
) -> T:
    """Like `apply`, for functions that also take a number of trials (or an array of it)."""
    if value is None:
        return value
    result: Any
    if is_scalar(value) and is_scalar(n):
        result = scalar(domain.number(value), TRIALS.number(n))
    else:
        result = array(domain.array(value), TRIALS.array(n))
    return result  # type: ignore[no-any-return]  # float for a scalar, array for an array
