// Filters of whole arrays (z, y, x) that SciPy has, too. Values and their rounding are SciPy's: the same sums in the same
// order. Lines along x are contiguous, and the other two axes are walked line by line, so that a compiler vectorises.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

namespace grids {

using Size = std::array<std::int64_t, 3>;

// An axis as SciPy sees it: `outer` blocks of `length` lines, each line of `inner` contiguous values.
struct AxisLayout {
    std::int64_t outer, length, inner;
};

inline AxisLayout layout(const Size& size, int axis) {
    if (axis == 0) return {1, size[0], size[1] * size[2]};
    if (axis == 1) return {size[0], size[1], size[2]};
    return {size[0] * size[1], 1, size[2]};
}

inline std::int64_t clamped(std::int64_t at, std::int64_t length) {
    return std::clamp<std::int64_t>(at, 0, length - 1);
}

// scipy.ndimage.correlate1d with symmetric weights, of which the middle one comes first, and mode "nearest": in double
// precision; the middle, then the pairs from the farthest to the nearest.
template <typename Value>
void correlate(Value* values, const Size& size, int axis, const std::vector<double>& weights) {
    const AxisLayout by = layout(size, axis);
    const std::int64_t reach = static_cast<std::int64_t>(weights.size()) - 1;
    std::vector<double> sum(static_cast<std::size_t>(by.inner));
    if (axis == 2) {
        std::vector<double> line(static_cast<std::size_t>(by.inner + 2 * reach));
        for (std::int64_t block = 0; block < by.outer; ++block) {
            Value* const here = values + block * by.inner;
            for (std::int64_t at = 0; at < by.inner + 2 * reach; ++at)
                line[static_cast<std::size_t>(at)] = static_cast<double>(here[clamped(at - reach, by.inner)]);
            const double* const middle = line.data() + reach;
            for (std::int64_t at = 0; at < by.inner; ++at) sum[static_cast<std::size_t>(at)] = middle[at] * weights[0];
            for (std::int64_t step = reach; step > 0; --step) {
                const double weight = weights[static_cast<std::size_t>(step)];
                double* const total = sum.data();
                for (std::int64_t at = 0; at < by.inner; ++at) total[at] += (middle[at - step] + middle[at + step]) * weight;
            }
            for (std::int64_t at = 0; at < by.inner; ++at) here[at] = static_cast<Value>(sum[static_cast<std::size_t>(at)]);
        }
        return;
    }
    // Lines of at most some thousand values, so that all that a result is the sum of stays in the processor's cache
    constexpr std::int64_t WIDEST = 2048;
    std::vector<double> block_values;
    for (std::int64_t block = 0; block < by.outer; ++block)
        for (std::int64_t first = 0; first < by.inner; first += WIDEST) {
            const std::int64_t width = std::min(WIDEST, by.inner - first);
            Value* const here = values + block * by.length * by.inner + first;
            block_values.resize(static_cast<std::size_t>(by.length * width));
            for (std::int64_t at = 0; at < by.length; ++at)
                for (std::int64_t x = 0; x < width; ++x)
                    block_values[static_cast<std::size_t>(at * width + x)] = static_cast<double>(here[at * by.inner + x]);
            for (std::int64_t at = 0; at < by.length; ++at) {
                double* const total = sum.data();
                const double* const middle = block_values.data() + at * width;
                for (std::int64_t x = 0; x < width; ++x) total[x] = middle[x] * weights[0];
                for (std::int64_t step = reach; step > 0; --step) {
                    const double weight = weights[static_cast<std::size_t>(step)];
                    const double* const before = block_values.data() + clamped(at - step, by.length) * width;
                    const double* const after = block_values.data() + clamped(at + step, by.length) * width;
                    for (std::int64_t x = 0; x < width; ++x) total[x] += (before[x] + after[x]) * weight;
                }
                for (std::int64_t x = 0; x < width; ++x) here[at * by.inner + x] = static_cast<Value>(total[x]);
            }
        }
}

// The largest value within `reach` voxels along each axis, within the array.
inline void brightest(double* values, const Size& size, std::int64_t reach) {
    for (int axis = 0; axis < 3; ++axis) {
        const AxisLayout by = layout(size, axis);
        const std::int64_t length = axis == 2 ? by.inner : by.length, inner = axis == 2 ? 1 : by.inner;
        std::vector<double> copy(static_cast<std::size_t>(length * inner));
        for (std::int64_t block = 0; block < by.outer; ++block) {
            double* const here = values + block * length * inner;
            std::copy(here, here + length * inner, copy.begin());
            for (std::int64_t step = 1; step <= std::min(reach, length - 1); ++step) {
                const std::int64_t shift = step * inner, count = (length - step) * inner;
                for (std::int64_t at = 0; at < count; ++at) here[at] = std::max(here[at], copy[static_cast<std::size_t>(at + shift)]);
                for (std::int64_t at = 0; at < count; ++at) here[at + shift] = std::max(here[at + shift], copy[static_cast<std::size_t>(at)]);
            }
        }
    }
}

// Grows `mask` into voxels of `allowed` (all without it), by `steps` voxels at most (without a limit where negative):
// to the neighbours that share a face, or to all 26.
inline void grow(std::uint8_t* mask, const std::uint8_t* allowed, const Size& size, std::int64_t steps, bool diagonally) {
    const std::int64_t row = size[2], plane = size[1] * size[2], count = size[0] * plane;
    std::vector<std::array<int, 3>> around;
    for (int z = -1; z <= 1; ++z)
        for (int y = -1; y <= 1; ++y)
            for (int x = -1; x <= 1; ++x) {
                const int distance = std::abs(z) + std::abs(y) + std::abs(x);
                if (distance == 1 || (diagonally && distance > 1)) around.push_back({z, y, x});
            }
    std::vector<std::int64_t> front, next;
    for (std::int64_t at = 0; at < count; ++at)
        if (mask[at]) front.push_back(at);
    for (std::int64_t step = 0; !front.empty() && step != steps; ++step) {
        next.clear();
        for (const std::int64_t at : front) {
            const std::int64_t z = at / plane, y = at % plane / row, x = at % row;
            for (const auto& [dz, dy, dx] : around) {
                if (z + dz < 0 || z + dz >= size[0] || y + dy < 0 || y + dy >= size[1] || x + dx < 0 || x + dx >= size[2])
                    continue;
                const std::int64_t other = at + dz * plane + dy * row + dx;
                if (mask[other] || (allowed != nullptr && !allowed[other])) continue;
                mask[other] = 1;
                next.push_back(other);
            }
        }
        front.swap(next);
    }
}

// Squared distances to the nearest voxel of `mask`, of those within `reach`; infinite elsewhere. Squares are added in the
// order z, y, x, as SciPy's distance_transform_edt does.
inline void squared_distances(const std::uint8_t* mask, double* squares, const Size& size,
                              const std::array<double, 3>& spacing, double reach) {
    constexpr double FAR = std::numeric_limits<double>::infinity();
    const std::int64_t count = size[0] * size[1] * size[2];
    for (std::int64_t at = 0; at < count; ++at) squares[at] = mask[at] ? 0.0 : FAR;
    for (int axis = 0; axis < 3; ++axis) {
        const AxisLayout by = layout(size, axis);
        const std::int64_t length = axis == 2 ? by.inner : by.length, inner = axis == 2 ? 1 : by.inner;
        const double step_mm = spacing[static_cast<std::size_t>(axis)];
        const double steps = std::min(reach / step_mm, static_cast<double>(length));
        const std::int64_t farthest = std::min(static_cast<std::int64_t>(steps) + 1, length - 1);
        std::vector<double> copy(static_cast<std::size_t>(length * inner));
        for (std::int64_t block = 0; block < by.outer; ++block) {
            double* const here = squares + block * length * inner;
            std::copy(here, here + length * inner, copy.begin());
            for (std::int64_t step = 1; step <= farthest; ++step) {
                const double along = static_cast<double>(step) * step_mm, square = along * along;
                const std::int64_t shift = step * inner, span = (length - step) * inner;
                for (std::int64_t at = 0; at < span; ++at)
                    here[at] = std::min(here[at], copy[static_cast<std::size_t>(at + shift)] + square);
                for (std::int64_t at = 0; at < span; ++at)
                    here[at + shift] = std::min(here[at + shift], copy[static_cast<std::size_t>(at)] + square);
            }
        }
    }
}

}  // namespace grids
