// The largest values near voxels of whole arrays (z, y, x).
#pragma once

#include "rows.hpp"

namespace grids {

// The largest values within `reach` voxels along each axis of some voxels, within the array; `found` has one for each.
inline void brightest_at(const double* values, const Size& size, const std::int64_t* voxels, std::int64_t count,
                         std::int64_t reach, double* found) {
    const std::int64_t row = size[2], plane = size[1] * row;
    for (std::int64_t i = 0; i < count; ++i) {
        const std::int64_t z = voxels[i] / plane, y = voxels[i] % plane / row, x = voxels[i] % row;
        const std::int64_t first = std::max<std::int64_t>(x - reach, 0), end = std::min(x + reach + 1, row);
        double brightest = values[voxels[i]];
        for (std::int64_t at_z = std::max<std::int64_t>(z - reach, 0); at_z < std::min(z + reach + 1, size[0]); ++at_z)
            for (std::int64_t at_y = std::max<std::int64_t>(y - reach, 0); at_y < std::min(y + reach + 1, size[1]); ++at_y) {
                const double* const there = values + at_z * plane + at_y * row;
                for (std::int64_t at = first; at < end; ++at) brightest = std::max(brightest, there[at]);
            }
        found[i] = brightest;
    }
}

// Raises what is up to `reach` voxels along each axis from some voxels to their values.
inline void raise(double* raised, const double* values, const Size& size, const std::int64_t* voxels, std::int64_t count,
                  std::int64_t reach) {
    const std::int64_t row = size[2], plane = size[1] * row;
    for (std::int64_t i = 0; i < count; ++i) {
        const std::int64_t z = voxels[i] / plane, y = voxels[i] % plane / row, x = voxels[i] % row;
        const std::int64_t first = std::max<std::int64_t>(x - reach, 0), end = std::min(x + reach + 1, row);
        const double value = values[voxels[i]];
        for (std::int64_t at_z = std::max<std::int64_t>(z - reach, 0); at_z < std::min(z + reach + 1, size[0]); ++at_z)
            for (std::int64_t at_y = std::max<std::int64_t>(y - reach, 0); at_y < std::min(y + reach + 1, size[1]); ++at_y) {
                double* const there = raised + at_z * plane + at_y * row;
                for (std::int64_t at = first; at < end; ++at) there[at] = std::max(there[at], value);
            }
    }
}

}  // namespace grids
