"""What the tests of whole studies share."""

from collections.abc import Iterator
from typing import Any

import pytest
from matplotlib.backend_bases import FigureCanvasBase


@pytest.fixture(scope="module")
def without_drawing() -> Iterator[None]:
    """Leave every figure empty: drawing takes half of the time of a validation, and other tests look at figures."""
    print_figure = FigureCanvasBase.print_figure

    def empty(canvas: FigureCanvasBase, *args: Any, **options: Any) -> Any:
        canvas.figure.clear()
        return print_figure(canvas, *args, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(FigureCanvasBase, "print_figure", empty)
        yield
