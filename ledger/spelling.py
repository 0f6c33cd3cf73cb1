"""Checks in words and numbers, for terminals and for pages."""

from __future__ import annotations

import codecs
import io
import math
import re
import unicodedata
from collections.abc import Callable
from typing import TextIO

from dlnlib.book import spell
from ledger.record import Check, passes

__all__ = [
    "agreement",
    "boundary",
    "legible",
    "make_legible",
    "measured",
    "outcome",
    "plain",
    "typeset",
]

_NUMBER = r"(?:[+-] ?)?(?:[\d.]+(?:e[+-]\d+)?|inf|nan)"
_ASCII = {
    "≤": "<=", "≥": ">=", "±": "+-", "×": "x", "·": "*", "−": "-", "–": "-", "—": "-",
    "→": "->", "√": "sqrt ", "∞": "inf", "≈": "~", "∝": "~", "∂": "d", "§": "Sec. ", "‖": "||",
    "’": "'", "‘": "'", "“": '"', "”": '"', "…": "...", "≠": "!=", "∏": "prod", "∑": "sum",
    "⟨": "<", "⟩": ">", "λ": "lambda", "Λ": "Lambda", "∫": "int", "∇": "grad ",
    "≪": "<<", "≫": ">>", "∈": "in", "⊙": " x ",
}  # fmt: skip
# The TeX of statements: symbols, functions, and commands with how many arguments they take.
_LETTERS = (
    "alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "kappa", "mu", "nu", "xi",
    "pi", "rho", "sigma", "tau", "phi", "chi", "psi", "omega",
)  # fmt: skip
_GREEK = (
    {rf"\{name}": unicodedata.lookup(f"GREEK SMALL LETTER {name}") for name in _LETTERS}
    | {
        rf"\{name.capitalize()}": unicodedata.lookup(f"GREEK CAPITAL LETTER {name}")
        for name in ("gamma", "delta", "theta", "sigma", "phi", "psi", "omega")
    }
    # Of the last letters Unicode's names are not TeX's.
    | {r"\lambda": "λ", r"\Lambda": "Λ", r"\varepsilon": "ε", r"\varphi": "φ"}
)
_SYMBOLS = {
    r"\partial": "∂", r"\prod": "∏", r"\sum": "∑", r"\langle": "⟨", r"\rangle": "⟩", r"\cdot": "·",
    r"\dots": "...", r"\ne": "≠", r"\,": " ", r"\|": "‖", r"\ge": "≥", r"\le": "≤", r"\pm": "±",
    r"\infty": "∞", r"\approx": "≈", r"\sim": "~", r"\to": "→", r"\times": "×", r"\int": "∫",
    r"\nabla": "∇", r"\propto": "∝", r"\ll": "≪", r"\gg": "≫", r"\in": "∈", r"\{": "(", r"\}": ")",
    r"\;": " ", r"\ell": "l", r"\cdots": "...", r"\odot": "⊙", r"\top": "T", r"\star": "*",
}  # fmt: skip
_FUNCTIONS = (
    r"\ln", r"\exp", r"\sin", r"\cos", r"\tan", r"\sinh", r"\cosh", r"\tanh", r"\min", r"\max",
    r"\log",
)  # fmt: skip
_FORMS: dict[str, tuple[int, Callable[..., str]]] = {
    r"\frac": (2, lambda above, below: f" ({above}/{_bracketed(below)})"),
    r"\binom": (2, " ({} choose {})".format),
    r"\dot": (1, " d{}/dt".format),
    r"\sqrt": (1, lambda inside: f"√{_bracketed(inside)}"),
    r"\mathrm": (1, "{}".format),
    r"\mathbf": (1, "{}".format),
    r"\hat": (1, "{}^".format),
    r"\bar": (1, "{}~".format),
}
_RAISED = str.maketrans("-0123456789T", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹ᵀ")
_LOWERED = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")


def measured(check: Check) -> str:
    """Write what was measured, with the digits that tell it from what was expected.

    Parameters
    ----------
    check : Check
        The comparison.

    Returns
    -------
    str
        The number; one that agrees to nine digits, as the expected one and what it is off.

    Examples
    --------
    >>> from ledger import Tolerance, equal
    >>> from ledger.spelling import measured
    >>> measured(equal(-0.99998, -1, Tolerance(0.01, "an example")))
    '-0.99998'
    >>> measured(equal(0.5 - 1e-13, 0.5, Tolerance(1e-7, "an example")))
    '0.5 - 1e-13'
    """
    return _written(check)[0]


def boundary(check: Check) -> str:
    """Write where a check holds, so what would have reversed it.

    Parameters
    ----------
    check : Check
        The comparison.

    Returns
    -------
    str
        The range in which the measured number must lie.

    Examples
    --------
    >>> from ledger import Tolerance, at_most, equal
    >>> from ledger.spelling import boundary
    >>> boundary(at_most(1.2, 1.5, "an example"))
    'up to 1.5'
    >>> boundary(equal(2.0, 2.0, Tolerance(0.015, "an example")))
    'between 1.985 and 2.015'
    >>> boundary(equal(0.5, 0.5, Tolerance(1e-7, "an example")))
    'within 1e-07 of 0.5'
    >>> boundary(equal(4, 4, Tolerance(0, "whole numbers")))
    'at 4 only'
    """
    return _written(check)[1]


def outcome(check: Check) -> str:
    """Write a measurement, and where it holds or would hold.

    Parameters
    ----------
    check : Check
        The comparison.

    Returns
    -------
    str
        What was measured, and the boundary.

    Examples
    --------
    >>> from ledger import at_most
    >>> from ledger.spelling import outcome
    >>> outcome(at_most(1.2, 1.5, "an example"))
    '1.2, holds up to 1.5'
    >>> outcome(at_most(1.8, 1.5, "an example"))
    '1.8, would hold up to 1.5'
    """
    holds = "holds" if passes(check) else "would hold"
    return f"{measured(check)}, {holds} {boundary(check)}"


def agreement(check: Check) -> str:
    """Write to what an identity holds.

    Parameters
    ----------
    check : Check
        A comparison that holds, with a tolerance.

    Returns
    -------
    str
        The difference, rounded up to one digit.

    Examples
    --------
    >>> from ledger import Tolerance, equal
    >>> from ledger.spelling import agreement
    >>> agreement(equal(1.236e-15, 0, Tolerance(1e-10, "an example")))
    'holds to 2e-15'
    >>> agreement(equal(0.5, 0.5, Tolerance(1e-10, "an example")))
    'holds exactly'
    """
    off = abs(check.measured - check.expected)
    if off == 0:
        return "holds exactly"
    power = math.floor(math.log10(off))
    return f"holds to {math.ceil(off / 10**power) * 10.0**power:.0e}"


def plain(text: str) -> str:
    r"""Write the mathematics of a text without TeX.

    Parameters
    ----------
    text : str
        Text with TeX between dollar signs, of the few commands that statements use.

    Returns
    -------
    str
        Text for a terminal or a tooltip.

    Raises
    ------
    ValueError
        If a command is not among them.

    Examples
    --------
    >>> from ledger.spelling import plain
    >>> plain(r"The product is $\Sigma^{31}(\Sigma^{11})^{-1}$.")
    'The product is Σ³¹(Σ¹¹)⁻¹.'
    >>> plain(r"$\tau\dot{u} = Lu^{2-2/L}(s - u)$")
    'τ du/dt = Lu^(2-2/L)(s - u)'
    """
    return re.sub(r"\$([^$]+)\$", lambda found: _spelled(found[1]), text)


def typeset(text: str) -> str:
    """Write the numbers of a text as people do.

    Parameters
    ----------
    text : str
        Text with numbers as Python writes them.

    Returns
    -------
    str
        Text with minus signs, powers of ten, and commas in numbers of five digits or more.

    Examples
    --------
    >>> from ledger.spelling import typeset
    >>> typeset("3.8e-06, holds between -1.01 and -0.99")
    '3.8·10⁻⁶, holds between −1.01 and −0.99'
    >>> typeset("12084, would hold within 1e-07 of 0.5")
    '12,084, would hold within 10⁻⁷ of 0.5'
    """
    grouped = re.sub(r"(?<![\d.])\d{5,}", lambda found: f"{int(found[0]):,}", text)
    return spell(re.sub(r"- (?=\d)", "\N{MINUS SIGN} ", grouped))


def legible(text: str, encoding: str | None) -> str:
    """Write in ASCII what an encoding lacks.

    Parameters
    ----------
    text : str
        Any text.
    encoding : str or None
        Name of the encoding; None for one that has everything.

    Returns
    -------
    str
        Text that can be encoded.

    Examples
    --------
    >>> from ledger.spelling import legible
    >>> legible("Σ31 ≤ s²·τ", "ascii")
    'Sigma31 <= s^2*tau'
    """
    return text if encoding is None else text.encode(encoding, "ledger").decode(encoding)


def make_legible(stream: TextIO) -> None:
    """Make a stream write in ASCII what its encoding lacks, in place of an error.

    Parameters
    ----------
    stream : file
        Standard output, say. One that can't be reconfigured is left as it is.

    Examples
    --------
    >>> import io
    >>> from ledger.spelling import make_legible
    >>> raw = io.BytesIO()
    >>> stream = io.TextIOWrapper(raw, "ascii")
    >>> make_legible(stream)
    >>> print("Σ31", end="", file=stream, flush=True)
    >>> raw.getvalue()
    b'Sigma31'
    """
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="ledger")


def _in_ascii(error: UnicodeError) -> tuple[str, int]:
    """Return what stands for the characters that can't be encoded, and where to go on."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    refused = error.object[error.start : error.end]
    lowered = re.sub(r"[⁻⁰¹²³⁴-⁹ᵀ]+(?=([^\W\d])?)", _raised_in_ascii, refused)
    return "".join(c if c.isascii() else _ascii(c) for c in lowered), error.end


def _raised_in_ascii(found: re.Match[str]) -> str:
    """Return a run of superscripts in ASCII."""
    raised = unicodedata.normalize("NFKD", found[0]).replace("−", "-")
    return f"^{raised} " if found[1] else f"^{raised}"


def _ascii(character: str) -> str:
    """Return a character in ASCII."""
    if character in _ASCII:
        return _ASCII[character]
    name = unicodedata.name(character, "")
    if found := re.fullmatch(r"GREEK (SMALL|CAPITAL) LETTER (\w+)", name):
        return found[2].lower() if found[1] == "SMALL" else found[2].capitalize()
    parts = unicodedata.normalize("NFKD", character).replace("⁄", "/")
    kept = parts.encode("ascii", "ignore").decode()
    return kept or character.encode("ascii", "backslashreplace").decode()


def _spelled(tex: str) -> str:
    """Return a formula as a line of text."""
    left, found = re.findall(r"\\[A-Za-z]+|\\.|.", tex), ""
    while left:
        found += _next_part(left)
    return re.sub(r"(?<=[(\[]) +| +(?= )", "", found).strip()


def _next_part(left: list[str]) -> str:
    """Take the next part of a formula off the tokens that are left, and return it spelled."""
    token = left.pop(0)
    if token in ("^", "_"):
        return _script(token, _argument(left))
    if token in _FORMS:
        count, form = _FORMS[token]
        return form(*(_argument(left) for _ in range(count)))
    if token in _FUNCTIONS:
        return f" {token[1:]}" + (" " if left and re.match(r"\w|\\", left[0]) else "")
    if token in {*_GREEK, r"\langle"} and left[:1] == [" "] and left[1:] and left[1].isalpha():
        del left[0]
    known = _GREEK | _SYMBOLS
    if token[0] == "\\" and token not in known:
        raise ValueError(f"TeX must be of the commands that statements use, got {token}")
    return known.get(token, token)


def _argument(left: list[str]) -> str:
    """Take an argument of a command, or a sub- or superscript, and return it spelled."""
    token = left.pop(0)
    if token != "{":
        return _spelled(token)
    depth, inside = 1, []
    while depth:
        token = left.pop(0)
        depth += (token == "{") - (token == "}")
        inside.append(token)
    return _spelled("".join(inside[:-1]))


def _bracketed(text: str) -> str:
    """Return a text in brackets, unless it is a single name or number."""
    return text if text.isalnum() else f"({text})"


def _script(token: str, text: str) -> str:
    """Return a subscript or superscript, in small characters if there are such."""
    if token == "^" and re.fullmatch(r"-?\d*T?", text):
        return text.translate(_RAISED)
    if token == "_" and text.isdecimal():
        return text.translate(_LOWERED)
    return token + (text if re.fullmatch(r"\w+", text) else f"({text})")


def _written(check: Check) -> tuple[str, str]:
    """Return measurement and boundary, with digits enough that who reads them sees the outcome."""
    for more in range(15):
        shown, where = _measured(check, more), _boundary(check, more)
        if _reads(shown, where) == passes(check):
            break
    return shown, where


def _measured(check: Check, more: int) -> str:
    """Return the measurement, with four digits or those that tell it from the expected one."""
    x, y = check.measured, check.expected
    off = abs(x - y)
    if not math.isfinite(off) or off == 0:
        return _number(x, (10 if y else 4) + more)
    for digits in range((2 if abs(x) < 1e-3 else 4) + more, 10 + more):
        shown = _number(x, digits)
        error = abs(float(shown) - x)
        if error <= off / 10 or (abs(x) >= 1e4 and error <= check.tolerance / 100):
            return shown
    return f"{_number(y, 10 + more)} {'-' if x < y else '+'} {_number(off, 1 + more)}"


def _boundary(check: Check, more: int) -> str:
    """Return where a check holds, with digits to tell the bounds from what was expected."""
    expected, tolerance = check.expected, check.tolerance
    if check.relation == "≤":
        return f"up to {_number(expected + tolerance, 4 + more)}"
    if check.relation == "≥":
        return f"from {_number(expected - tolerance, 4 + more)} up"
    if tolerance == 0:
        return f"at {_number(expected, 10 + more)} only"
    digits = 0 if expected == 0 else math.floor(math.log10(abs(expected) / tolerance)) + 3
    if not 0 < digits <= 8:
        return f"within {_number(tolerance, 3 + more)} of {_number(expected, 10 + more)}"
    low, high = (_number(expected + t, max(digits, 4) + more) for t in (-tolerance, tolerance))
    return f"between {low} and {high}"


def _reads(shown: str, where: str) -> bool:
    """Tell whether a measurement lies where it should, as both are written."""
    x = sum(float(part.replace(" ", "")) for part in re.findall(_NUMBER, shown))
    bounds = [float(part) for part in re.findall(_NUMBER, where)]
    if where.startswith("within"):
        return abs(x - bounds[1]) <= bounds[0]
    low = -math.inf if where.startswith("up to") else bounds[0]
    high = math.inf if where.startswith("from") else bounds[-1]
    return low <= x <= high


def _number(x: float, digits: int) -> str:
    """Return a number with so many digits, whole ones below a million with all."""
    if not math.isfinite(x):
        return str(x)
    if abs(x) < 1e6 and (x == round(x) or abs(x) >= 10**digits):
        return str(round(x))
    if 1e-3 <= abs(x) < 1e6:
        places = max(digits - 1 - math.floor(math.log10(abs(x))), 0)
        return f"{x:.{places}f}".rstrip("0").rstrip(".") if places else str(round(x))
    mantissa, power = f"{x:.{digits - 1}e}".split("e")
    mantissa = mantissa.rstrip("0").rstrip(".") if "." in mantissa else mantissa
    return f"{mantissa}e{power}"


codecs.register_error("ledger", _in_ascii)
