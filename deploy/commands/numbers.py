"""Numbers on the command line: their ranges in words, and neither NaN nor infinity."""

import math
from typing import Any

import click


class Amount(click.FloatRange):
    """A finite number in a range."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the number.

        Raises
        ------
        click.BadParameter
            If it is none, or out of range; the message says the range.
        """
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        if not math.isfinite(number) or _is_outside(self, number):
            self.fail(f"expected a number ({self._describe_range()}), found {value}", param, ctx)
        return number

    def _describe_range(self) -> str:  # click's help asks for this
        return _in_words(self)


class WholeNumber(click.IntRange):
    """A whole number in a range."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return the number.

        Raises
        ------
        click.BadParameter
            If it is none, or out of range; the message says the range.
        """
        try:
            number = int(value)
        except ValueError:
            number = None
        if number is None or _is_outside(self, number):
            self.fail(f"expected a whole number ({self._describe_range()}), found {value}", param, ctx)
        return number

    def _describe_range(self) -> str:  # click's help asks for this
        return _in_words(self)


def _is_outside(kind: click.FloatRange | click.IntRange, number: float) -> bool:
    below = kind.min is not None and (number < kind.min or (kind.min_open and number == kind.min))
    above = kind.max is not None and (number > kind.max or (kind.max_open and number == kind.max))
    return below or above


def _in_words(kind: click.FloatRange | click.IntRange) -> str:
    if kind.min is not None and kind.max is not None and not (kind.min_open or kind.max_open):
        return f"{kind.min:g} to {kind.max:g}"
    least = "" if kind.min is None else f"{'more than' if kind.min_open else 'at least'} {kind.min:g}"
    most = "" if kind.max is None else f"{'less than' if kind.max_open else 'at most'} {kind.max:g}"
    return " and ".join(filter(None, (least, most)))
