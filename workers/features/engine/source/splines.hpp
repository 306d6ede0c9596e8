// Cubic splines through the samples of lines. Values and their rounding are SciPy's: the same sums in the same order.
#pragma once

#include <cmath>

#include "rows.hpp"

namespace grids {

// scipy.ndimage.spline_filter1d of order 3 with the mode "mirror": samples, at least two, become coefficients.
inline void to_spline(double* line, std::int64_t count) {
    constexpr double pole = -0.26794919243112270647;  // the square root of 3, less 2
    const double last_power = std::pow(pole, static_cast<double>(count - 1));
    constexpr double gain = (1.0 - pole) * (1.0 - 1.0 / pole);
    for (std::int64_t at = 0; at < count; ++at) line[at] *= gain;
    double sum = line[0] + last_power * line[count - 1], power = pole;
    for (std::int64_t at = 1; at < count - 1; ++at) {
        sum += power * (line[at] + last_power * line[count - 1 - at]);
        power *= pole;
    }
    line[0] = sum / (1.0 - last_power * last_power);
    for (std::int64_t at = 1; at < count; ++at) line[at] += pole * line[at - 1];
    line[count - 1] = (pole * line[count - 2] + line[count - 1]) * pole / (pole * pole - 1.0);
    for (std::int64_t at = count - 2; at >= 0; --at) line[at] = pole * (line[at + 1] - line[at]);
}

}  // namespace grids
