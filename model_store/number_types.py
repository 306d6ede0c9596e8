"""Numbers in the plans of a study. Bounds stand in the types: the configuration reader takes them from there."""

from typing import Annotated

from annotated_types import Ge, Gt, Interval

Count = Annotated[int, Ge(1)]
CountFromZero = Annotated[int, Ge(0)]
Port = Annotated[int, Interval(ge=1, le=65535)]
Seed = Annotated[int, Interval(ge=0, le=2**31 - 1)]
"""Of random numbers. NumPy and scikit-learn take up to 2**32 - 1, and repetitions count on from it."""
SpreadFromZero = Annotated[float, Ge(0)]
"""A standard deviation."""
PositiveNumber = Annotated[float, Gt(0)]
PauseSeconds = Annotated[float, Interval(ge=0, le=3600)]
"""Between questions to an archive, up to an hour."""
DiscriminationBar = Annotated[float, Interval(ge=0.5, lt=1)]
"""An AUC to exceed."""
