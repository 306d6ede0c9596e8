// Filters of whole arrays (z, y, x) that SciPy has, too. Values and their rounding are SciPy's: the same sums in the same
// order. Rows along x are contiguous, and the other two axes are walked row by row, so that a compiler vectorises.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

namespace grids {

using Size = std::array<std::int64_t, 3>;

inline std::int64_t clamped(std::int64_t at, std::int64_t length) {
    return std::clamp<std::int64_t>(at, 0, length - 1);
}

// Rows of `width` values each, `stride` values apart.
template <typename Value>
struct Rows {
    Value* first;
    std::int64_t count, stride, width;

    Value* operator[](std::int64_t at) const { return first + at * stride; }
};

// The rows along an axis: along z those of one y, along y those of one z. Some hundred kilobytes at most, so that all that a
// result is made of stays in the processor's cache.
template <typename Value>
Rows<Value> rows_along(Value* values, const Size& size, int axis, std::int64_t at) {
    const std::int64_t plane = size[1] * size[2];
    return axis == 0 ? Rows<Value>{values + at * size[2], size[0], plane, size[2]}
                     : Rows<Value>{values + at * plane, size[1], size[2], size[2]};
}

// Which of some rows are up to `reach` away from one of a mask (z, y); all of them without a mask.
inline std::vector<std::uint8_t> rows_near(const std::uint8_t* mask, const Size& size, int axis, std::int64_t at, std::int64_t reach) {
    std::vector<std::uint8_t> found(static_cast<std::size_t>(size[static_cast<std::size_t>(axis)]), mask == nullptr);
    if (mask == nullptr) return found;
    for (std::size_t number = 0; number < found.size(); ++number) {
        const std::int64_t along = static_cast<std::int64_t>(number);
        const std::int64_t z = axis == 0 ? along : at, y = axis == 0 ? at : along;
        const std::uint8_t* const plane = mask + z * size[1];
        const std::int64_t first = std::max<std::int64_t>(y - reach, 0), end = std::min(y + reach + 1, size[1]);
        found[number] = std::any_of(plane + first, plane + end, [](std::uint8_t one) { return one != 0; });
    }
    return found;
}

// The two values on either side of each value of a row, at a number of steps.
struct Pair {
    const double *before, *after;
    double weight;
};

// What a filter writes into, row after row.
struct Scratch {
    std::vector<double> copy, sum;
    std::vector<Pair> pairs;
};

// scipy.ndimage.correlate1d with symmetric weights, in double precision: the middle, then the pairs from the farthest to the
// nearest; two of them at a time, so that sums are read and written half as often.
inline void add_up(const double* middle, double weight, const std::vector<Pair>& pairs, double* __restrict sum, std::int64_t width) {
    for (std::int64_t x = 0; x < width; ++x) sum[x] = middle[x] * weight;
    std::size_t at = 0;
    for (; at + 1 < pairs.size(); at += 2) {
        const Pair far = pairs[at], near = pairs[at + 1];
        for (std::int64_t x = 0; x < width; ++x)
            sum[x] = (sum[x] + (far.before[x] + far.after[x]) * far.weight) + (near.before[x] + near.after[x]) * near.weight;
    }
    if (at < pairs.size()) {
        const Pair last = pairs[at];
        for (std::int64_t x = 0; x < width; ++x) sum[x] += (last.before[x] + last.after[x]) * last.weight;
    }
}

// Correlates across rows, with the mode "nearest".
template <typename Value>
void correlate_rows(const Rows<Value>& rows, const std::vector<double>& weights,
                                 const std::vector<std::uint8_t>& wanted, Scratch& scratch) {
    auto& [copy, sum, pairs] = scratch;
    const std::int64_t width = rows.width;
    copy.resize(static_cast<std::size_t>(rows.count * width));
    sum.resize(static_cast<std::size_t>(width));
    for (std::int64_t at = 0; at < rows.count; ++at) {
        double* const __restrict to = copy.data() + at * width;
        const Value* const from = rows[at];
        for (std::int64_t x = 0; x < width; ++x) to[x] = static_cast<double>(from[x]);
    }
    pairs.resize(weights.size() - 1);
    for (std::int64_t at = 0; at < rows.count; ++at) {
        if (!wanted[static_cast<std::size_t>(at)]) continue;
        for (std::size_t number = 0; number < pairs.size(); ++number) {
            const std::int64_t step = static_cast<std::int64_t>(pairs.size() - number);
            pairs[number] = {copy.data() + clamped(at - step, rows.count) * width,
                             copy.data() + clamped(at + step, rows.count) * width, weights[pairs.size() - number]};
        }
        add_up(copy.data() + at * width, weights[0], pairs, sum.data(), width);
        const double* const total = sum.data();
        Value* const __restrict to = rows[at];
        for (std::int64_t x = 0; x < width; ++x) to[x] = static_cast<Value>(total[x]);
    }
}

// The same along a row.
template <typename Value>
void correlate_row(Value* __restrict here, std::int64_t width, const std::vector<double>& weights, Scratch& scratch) {
    auto& [line, sum, pairs] = scratch;
    const std::int64_t reach = static_cast<std::int64_t>(weights.size()) - 1;
    line.resize(static_cast<std::size_t>(width + 2 * reach));
    sum.resize(static_cast<std::size_t>(width));
    double* const middle = line.data() + reach;
    std::fill(line.begin(), line.begin() + reach, static_cast<double>(here[0]));
    for (std::int64_t x = 0; x < width; ++x) middle[x] = static_cast<double>(here[x]);
    std::fill(line.end() - reach, line.end(), static_cast<double>(here[width - 1]));
    pairs.clear();
    for (std::int64_t step = reach; step > 0; --step)
        pairs.push_back({middle - step, middle + step, weights[static_cast<std::size_t>(step)]});
    add_up(middle, weights[0], pairs, sum.data(), width);
    const double* const total = sum.data();
    for (std::int64_t x = 0; x < width; ++x) here[x] = static_cast<Value>(total[x]);
}

// scipy.ndimage.gaussian_filter with the mode "nearest", given the weights from the middle to one end. With a mask of rows
// (z, y), the others hold no result.
template <typename Value>
void smooth(Value* values, const Size& size, const std::vector<double>& weights, const std::uint8_t* mask) {
    const std::int64_t reach = static_cast<std::int64_t>(weights.size()) - 1;
    Scratch scratch;
    for (std::int64_t y = 0; y < size[1]; ++y)
        correlate_rows(rows_along(values, size, 0, y), weights, rows_near(mask, size, 0, y, reach), scratch);
    for (std::int64_t z = 0; z < size[0]; ++z) {
        const Rows<Value> rows = rows_along(values, size, 1, z);
        const std::vector<std::uint8_t> wanted = rows_near(mask, size, 1, z, 0);
        correlate_rows(rows, weights, wanted, scratch);
        for (std::int64_t y = 0; y < rows.count; ++y)
            if (wanted[static_cast<std::size_t>(y)]) correlate_row(rows[y], rows.width, weights, scratch);
    }
}

// The largest value across rows, up to `reach` rows away: windows of 2, 4, 8 rows are made of two of half the length.
inline void brightest_of_rows(const Rows<double>& rows, std::int64_t reach, std::vector<double>& copy) {
    constexpr double DARKEST = -std::numeric_limits<double>::infinity();
    const std::int64_t near = std::clamp<std::int64_t>(reach, 0, rows.count - 1), width = rows.width, padded = rows.count + 2 * near;
    copy.assign(static_cast<std::size_t>(padded * width), DARKEST);
    for (std::int64_t at = 0; at < rows.count; ++at) std::copy(rows[at], rows[at] + width, copy.data() + (at + near) * width);
    std::int64_t window = 1;
    for (; 2 * window <= 2 * near + 1; window *= 2)
        for (std::int64_t at = 0; at + window < padded; ++at) {
            double* const one = copy.data() + at * width;
            const double* const other = one + window * width;
            for (std::int64_t x = 0; x < width; ++x) one[x] = std::max(one[x], other[x]);
        }
    for (std::int64_t at = 0; at < rows.count; ++at) {
        const double* const one = copy.data() + at * width;
        const double* const other = one + (2 * near + 1 - window) * width;
        for (std::int64_t x = 0; x < width; ++x) rows[at][x] = std::max(one[x], other[x]);
    }
}

// The largest value within `reach` voxels along each axis, within the array.
inline void brightest(double* values, const Size& size, std::int64_t reach) {
    std::vector<double> copy;
    for (int axis = 0; axis < 2; ++axis)
        for (std::int64_t at = 0; at < size[axis == 0 ? 1 : 0]; ++at)
            brightest_of_rows(rows_along(values, size, axis, at), reach, copy);
    const std::int64_t row = size[2];
    copy.resize(static_cast<std::size_t>(row));
    for (double* here = values; here != values + size[0] * size[1] * row; here += row) {
        std::copy(here, here + row, copy.begin());
        for (std::int64_t step = 1; step <= std::min(reach, row - 1); ++step) {
            const double* const there = copy.data();
            for (std::int64_t at = 0; at < row - step; ++at) here[at] = std::max(here[at], there[at + step]);
            for (std::int64_t at = 0; at < row - step; ++at) here[at + step] = std::max(here[at + step], there[at]);
        }
    }
}

// Grows `mask` into voxels of `allowed` (all without it), by `steps` voxels at most (without a limit where negative):
// to the neighbours that share a face, or to all 26.
inline void grow(std::uint8_t* mask, const std::uint8_t* allowed, const Size& size, std::int64_t steps, bool diagonally) {
    enum State : std::uint8_t { FREE, TAKEN, CLOSED };
    // With a border of closed voxels, each voxel has all its neighbours.
    const std::int64_t wide = size[2] + 2, plane = (size[1] + 2) * wide;
    std::vector<State> state(static_cast<std::size_t>((size[0] + 2) * plane), CLOSED);
    std::vector<std::int64_t> around, front, next;
    for (int z = -1; z <= 1; ++z)
        for (int y = -1; y <= 1; ++y)
            for (int x = -1; x <= 1; ++x) {
                const int distance = std::abs(z) + std::abs(y) + std::abs(x);
                if (distance == 1 || (diagonally && distance > 1)) around.push_back(z * plane + y * wide + x);
            }
    std::int64_t at = 0;
    for (std::int64_t z = 0; z < size[0]; ++z)
        for (std::int64_t y = 0; y < size[1]; ++y)
            for (std::int64_t place = (z + 1) * plane + (y + 1) * wide + 1, end = place + size[2]; place < end; ++place, ++at) {
                if (mask[at]) front.push_back(place);
                state[static_cast<std::size_t>(place)] = mask[at] ? TAKEN : allowed == nullptr || allowed[at] ? FREE : CLOSED;
            }
    for (std::int64_t step = 0; !front.empty() && step != steps; ++step) {
        next.clear();
        for (const std::int64_t place : front)
            for (const std::int64_t by : around) {
                State& other = state[static_cast<std::size_t>(place + by)];
                if (other != FREE) continue;
                other = TAKEN;
                next.push_back(place + by);
            }
        front.swap(next);
    }
    at = 0;
    for (std::int64_t z = 0; z < size[0]; ++z)
        for (std::int64_t y = 0; y < size[1]; ++y)
            for (std::int64_t place = (z + 1) * plane + (y + 1) * wide + 1, end = place + size[2]; place < end; ++place, ++at)
                mask[at] = state[static_cast<std::size_t>(place)] == TAKEN;
}

// The least of the squares across rows, each plus that of its steps. A row that is infinitely far has nothing to give.
inline void nearest_of_rows(const Rows<double>& rows, const std::vector<double>& steps, std::vector<double>& copy) {
    constexpr double FAR = std::numeric_limits<double>::infinity();
    const std::int64_t width = rows.width, farthest = static_cast<std::int64_t>(steps.size()) - 1;
    copy.resize(static_cast<std::size_t>(rows.count * width));
    for (std::int64_t at = 0; at < rows.count; ++at) std::copy(rows[at], rows[at] + width, copy.data() + at * width);
    for (std::int64_t at = 0; at < rows.count; ++at) {
        const double* const from = copy.data() + at * width;
        if (std::all_of(from, from + width, [](double square) { return square == FAR; })) continue;
        for (std::int64_t other = std::max<std::int64_t>(at - farthest, 0); other < std::min(at + farthest + 1, rows.count); ++other) {
            if (other == at) continue;
            const double square = steps[static_cast<std::size_t>(std::abs(other - at))];
            double* const here = rows[other];
            for (std::int64_t x = 0; x < width; ++x) here[x] = std::min(here[x], from[x] + square);
        }
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
        if (std::all_of(here, here + row, [](double square) { return square == FAR; })) continue;
        std::copy(here, here + row, copy.begin());
        const double* const there = copy.data();
        for (std::int64_t step = 1; step < static_cast<std::int64_t>(steps[2].size()); ++step) {
            const double square = steps[2][static_cast<std::size_t>(step)];
            for (std::int64_t at = 0; at < row - step; ++at) here[at] = std::min(here[at], there[at + step] + square);
            for (std::int64_t at = 0; at < row - step; ++at) here[at + step] = std::min(here[at + step], there[at] + square);
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
