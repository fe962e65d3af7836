"""What is compared, and how exactly it must agree."""

import numpy as np

from processing import is_sign_free

TOLERANCES = {"float64": 1e-9, "float32": 1e-5}
# Where HookedTransformer's own float32 is far from its float64 (a norm of nearly equal numbers),
# ours may be this many times as far: theirs is one draw of what rounding does.
OF_THEIR_ERROR = 16
# Scores that are rounded, to what: in float32 they may fall to the other side.
GRAINS = {"detect_head, abs": 1e-3}
WHERE_RIGHT = {"processed weights"}  # what is expected only where HookedTransformer has it right
SMALL = 0.05  # of the largest entry of a family: nothing is measured against less


def quantity_of(name: str) -> str:
    return name.split("|")[0]


def family_of(name: str) -> str:
    """Quantities of one size: all gradients of the loss are one family."""
    quantity = quantity_of(name)
    return "gradient" if quantity.endswith("gradient") else quantity


def as_a_set(eigenvalues: np.ndarray) -> np.ndarray:
    """[..., m, (real, imaginary)] in an order of its own: by modulus, conjugates by sign."""
    rows = eigenvalues.reshape(-1, *eigenvalues.shape[-2:])
    moduli = np.hypot(rows[..., 0], rows[..., 1])
    steps = np.round(moduli / (moduli.max(initial=0) or 1), 6)
    order = np.lexsort((rows[..., 1], rows[..., 0], steps), axis=-1)
    return np.take_along_axis(rows, order[..., None], axis=1).reshape(eigenvalues.shape)


def comparable(name: str, x: np.ndarray) -> np.ndarray:
    if quantity_of(name) == "eigenvalues":
        return as_a_set(x)
    step, _, parameter = name.partition("|")[2].partition(" ")
    return np.abs(x) if is_sign_free(step, parameter) else x.astype(float)


def largest(x: np.ndarray) -> float:
    finite = np.abs(x[np.isfinite(x)])
    return float(finite.max()) if finite.size else 0.0


def error_of(expected: np.ndarray, ours: np.ndarray, least: float, grain: float = 0.0) -> float:
    """The error of a tensor: the largest difference between entries, relative to the largest
    expected entry of the tensor, or to `least` where that is more (a gradient that vanishes for a
    reason is all rounding); differences of up to a grain are none. Infinite for other shapes, and
    where not the same entries are infinite."""
    if expected.shape != ours.shape or not np.array_equal(np.isinf(expected), np.isinf(ours)):
        return np.inf
    finite = np.isfinite(expected)
    if np.isnan(ours).any() or not np.array_equal(expected[~finite], ours[~finite]):
        return np.inf
    difference = largest(expected[finite] - ours[finite])
    if difference <= 1.001 * grain:
        return 0.0
    return difference / (max(largest(expected), least) or 1.0)


def tolerances(dtype: str, theirs: dict[str, float]) -> dict[str, float]:
    """Of each family, by HookedTransformer's own errors in float32."""
    allowed: dict[str, float] = {}
    for name, error in theirs.items():
        usual = TOLERANCES[dtype]
        least = OF_THEIR_ERROR * error if dtype == "float32" and error < np.inf else 0.0
        allowed[family_of(name)] = max(allowed.get(family_of(name), usual), least)
    return allowed


def errors(
    expected: dict[str, np.ndarray], ours: dict[str, np.ndarray], dtype: str
) -> dict[str, float]:
    """The error of every name of either; infinite for a name that only one has."""
    whole: dict[str, float] = {}
    for name, x in expected.items():
        whole[family_of(name)] = max(whole.get(family_of(name), 0.0), largest(x))
    found = {}
    for name in [*expected, *(name for name in ours if name not in expected)]:
        if name not in expected and quantity_of(name) in WHERE_RIGHT:
            continue
        if name in expected and name in ours:
            least = SMALL * whole[family_of(name)]
            pair = (comparable(name, x) for x in (expected[name], ours[name]))
            grain = GRAINS.get(quantity_of(name), 0.0) if dtype == "float32" else 0.0
            found[name] = error_of(*pair, least, grain)
        else:
            found[name] = np.inf
    for quantity in ("site",):  # the keys of a cache stand in firing order
        order = [[n for n in names if quantity_of(n) == quantity] for names in (expected, ours)]
        found[f"order|{quantity}"] = 0.0 if order[0] == order[1] else np.inf
    return found
