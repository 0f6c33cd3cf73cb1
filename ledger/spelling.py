"""Checks in words and numbers, for terminals and for pages."""

from __future__ import annotations

import codecs
import io
import math
import re
import unicodedata
from typing import TextIO

from ledger.record import Check, passes

__all__ = ["boundary", "legible", "make_legible", "measured", "outcome", "typeset"]

_NUMBER = r"(?:[+-] ?)?(?:[\d.]+(?:e[+-]\d+)?|inf|nan)"
_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_ASCII = {
    "≤": "<=", "≥": ">=", "±": "+-", "×": "x", "·": "*", "−": "-", "–": "-", "—": "-",
    "→": "->", "√": "sqrt ", "∞": "inf", "≈": "~", "∝": "~", "∂": "d", "§": "Sec. ", "‖": "||",
    "’": "'", "‘": "'", "“": '"', "”": '"', "…": "...",
}  # fmt: skip


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
    return re.sub(r"(?:-|(- ))?(\d+)(\.\d+)?(?:e([+-]\d+))?", _typeset_number, text)


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
    return "".join(map(_ascii, refused)), error.end


def _ascii(character: str) -> str:
    """Return a character in ASCII."""
    if character in _ASCII:
        return _ASCII[character]
    name = unicodedata.name(character, "")
    if found := re.fullmatch(r"GREEK (SMALL|CAPITAL) LETTER (\w+)", name):
        return found[2].lower() if found[1] == "SMALL" else found[2].capitalize()
    parts = unicodedata.normalize("NFKD", character).replace("⁄", "/")
    plain = parts.encode("ascii", "ignore").decode()
    if plain and "SUPERSCRIPT" in name:
        return f"^{plain}"
    return plain or character.encode("ascii", "backslashreplace").decode()


def _typeset_number(found: re.Match[str]) -> str:
    """Return a number as people write it."""
    spaced, whole, fraction, power = found.groups()
    sign = "" if found[0][0] != "-" else "− " if spaced else "−"
    mantissa = (f"{int(whole):,}" if len(whole) > 4 else whole) + (fraction or "")
    if power is None:
        return sign + mantissa
    ten = "10" + str(int(power)).translate(_SUPERSCRIPTS)
    return sign + (ten if mantissa == "1" else f"{mantissa}·{ten}")


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
