// Distances in whole arrays (z, y, x), and arrays that are moved, as SciPy has them, too, with the same values and rounding.
#pragma once

#include <cmath>
#include <limits>

#include "rows.hpp"

namespace grids {

// Lowers values to others plus a square, where they are above.
WIDE_VECTORS inline void lower_to(double* __restrict here, const double* __restrict there, double square, std::int64_t count) {
    for (std::int64_t at = 0; at < count; ++at) here[at] = std::min(here[at], there[at] + square);
}

// Whether all squares of a row are this one.
inline bool all_are(const double* row, std::int64_t width, double square) {
    return std::all_of(row, row + width, [&](double one) { return one == square; });
}

// The least of the squares across rows, each plus that of its steps. A row that is infinitely far has nothing to give, and
// one of zeros nothing to take.
inline void nearest_of_rows(const Rows<double>& rows, const std::vector<double>& steps, std::vector<double>& copy) {
    constexpr double FAR = std::numeric_limits<double>::infinity();
    const std::int64_t width = rows.width, farthest = static_cast<std::int64_t>(steps.size()) - 1;
    copy.resize(static_cast<std::size_t>(rows.count * width));
    std::vector<std::uint8_t> takes(static_cast<std::size_t>(rows.count));
    for (std::int64_t at = 0; at < rows.count; ++at) {
        std::copy(rows[at], rows[at] + width, copy.data() + at * width);
        takes[static_cast<std::size_t>(at)] = !all_are(rows[at], width, 0);
    }
    for (std::int64_t at = 0; at < rows.count; ++at) {
        const double* const from = copy.data() + at * width;
        if (all_are(from, width, FAR)) continue;
        for (std::int64_t other = std::max<std::int64_t>(at - farthest, 0); other < std::min(at + farthest + 1, rows.count); ++other)
            if (other != at && takes[static_cast<std::size_t>(other)])
                lower_to(rows[other], from, steps[static_cast<std::size_t>(std::abs(other - at))], width);
    }
}

// Squared distances to the nearest voxel of `mask`, of those within `reach`; infinite elsewhere. Squares are added in the
// order z, y, x, as SciPy's distance_transform_edt does.
inline void squared_distances(const std::uint8_t* mask, double* squares, const Size& size,
                                         const std::array<double, 3>& spacing, double reach) {
    constexpr double FAR = std::numeric_limits<double>::infinity();
    const std::int64_t count = size[0] * size[1] * size[2], row = size[2];
    for (std::int64_t at = 0; at < count; ++at) squares[at] = mask[at] ? 0.0 : FAR;
    std::array<std::vector<double>, 3> steps;  // the square of each number of steps
    for (std::size_t axis = 0; axis < 3; ++axis) {
        const double length = static_cast<double>(size[axis]), most = std::min(reach / spacing[axis], length);
        const std::int64_t farthest = std::min(static_cast<std::int64_t>(most) + 1, size[axis] - 1);
        for (std::int64_t step = 0; step <= farthest; ++step) {
            const double along = static_cast<double>(step) * spacing[axis];
            steps[axis].push_back(along * along);
        }
    }
    std::vector<double> copy;
    for (int axis = 0; axis < 2; ++axis)
        for (std::int64_t at = 0; at < size[axis == 0 ? 1 : 0]; ++at)
            nearest_of_rows(rows_along(squares, size, axis, at), steps[static_cast<std::size_t>(axis)], copy);
    copy.resize(static_cast<std::size_t>(row));
    for (double* here = squares; here != squares + count; here += row) {
        if (all_are(here, row, FAR) || all_are(here, row, 0)) continue;
        std::copy(here, here + row, copy.begin());
        const double* const there = copy.data();
        for (std::int64_t step = 1; step < static_cast<std::int64_t>(steps[2].size()); ++step) {
            const double square = steps[2][static_cast<std::size_t>(step)];
            lower_to(here, there + step, square, row - step);
            lower_to(here + step, there, square, row - step);
        }
    }
}

// scipy.ndimage.affine_transform of order 1 with the mode "nearest": each voxel of `moved` gets the value of `values` at
// `matrix` times its index, plus `offset`, linearly interpolated.
inline void transform(const double* values, const Size& size, const std::array<double, 9>& matrix,
                      const std::array<double, 3>& offset, double* moved) {
    const std::int64_t row = size[2], plane = size[1] * row;
    const std::array<double, 3> last{static_cast<double>(size[0] - 1), static_cast<double>(size[1] - 1), static_cast<double>(row - 1)};
    const std::array<std::int64_t, 3> strides{plane, row, 1};
    for (std::int64_t z = 0; z < size[0]; ++z)
        for (std::int64_t y = 0; y < size[1]; ++y) {
            std::array<double, 3> start{};
            for (std::size_t axis = 0; axis < 3; ++axis)
                start[axis] = static_cast<double>(z) * matrix[3 * axis] + static_cast<double>(y) * matrix[3 * axis + 1];
            for (std::int64_t x = 0; x < row; ++x) {
                std::array<double, 3> share{};
                std::array<std::int64_t, 3> step{};
                const double* corner = values;
                for (std::size_t axis = 0; axis < 3; ++axis) {
                    const double at = start[axis] + static_cast<double>(x) * matrix[3 * axis + 2] + offset[axis];
                    const double within = std::min(std::max(at, 0.0), last[axis]);
                    const auto below = static_cast<std::int64_t>(within);
                    share[axis] = within - static_cast<double>(below);
                    step[axis] = static_cast<double>(below) < last[axis] ? strides[axis] : 0;
                    corner += below * strides[axis];
                }
                double sum = 0;
                for (int upper_z = 0; upper_z < 2; ++upper_z)
                    for (int upper_y = 0; upper_y < 2; ++upper_y)
                        for (int upper_x = 0; upper_x < 2; ++upper_x)
                            sum += corner[upper_z * step[0] + upper_y * step[1] + upper_x * step[2]] *
                                   (upper_z ? share[0] : 1 - share[0]) * (upper_y ? share[1] : 1 - share[1]) *
                                   (upper_x ? share[2] : 1 - share[2]);
                *moved++ = sum;
            }
        }
}

// The least of `reaches[k] - depths[i]` at the places `voxels[i] + steps[k]`, as far as it is below what is there.
inline void lower(double* values, const std::int64_t* voxels, const double* depths, std::int64_t count,
                  const std::vector<std::int64_t>& steps, const std::vector<double>& reaches) {
    for (std::int64_t i = 0; i < count; ++i)
        for (std::size_t k = 0; k < steps.size(); ++k) {
            double& there = values[voxels[i] + steps[k]];
            there = std::min(there, reaches[k] - depths[i]);
        }
}

}  // namespace grids
