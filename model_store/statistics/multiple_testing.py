"""Many tests at once: the false discovery rate."""

import numpy as np
from numpy.typing import NDArray
from scipy.stats import false_discovery_control


def false_discovery_rate(p_values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return q values by Benjamini and Hochberg, J R Stat Soc B 57:289 (1995), in the order of the p values.

    A test that could not be made (NaN) is not counted, and its q value is NaN.
    """
    p_values = np.asarray(p_values, dtype=np.float64)
    made = ~np.isnan(p_values)
    q_values = np.full(p_values.shape, np.nan)
    if made.any():
        q_values[made] = false_discovery_control(p_values[made], method="bh")
    return q_values
