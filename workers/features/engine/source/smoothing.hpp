// Gaussian smoothing of whole arrays (z, y, x). Values and their rounding are SciPy's: the same sums in the same order.
#pragma once

#include "rows.hpp"

namespace grids {

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
WIDE_VECTORS inline void add_up(const double* middle, double weight, const std::vector<Pair>& pairs, double* __restrict sum, std::int64_t width) {
    std::size_t at = pairs.size() % 2;
    if (at == 0) {
        for (std::int64_t x = 0; x < width; ++x) sum[x] = middle[x] * weight;
    } else {
        const Pair first = pairs[0];
        for (std::int64_t x = 0; x < width; ++x) sum[x] = middle[x] * weight + (first.before[x] + first.after[x]) * first.weight;
    }
    for (; at < pairs.size(); at += 2) {
        const Pair far = pairs[at], near = pairs[at + 1];
        for (std::int64_t x = 0; x < width; ++x)
            sum[x] = (sum[x] + (far.before[x] + far.after[x]) * far.weight) + (near.before[x] + near.after[x]) * near.weight;
    }
}

// Correlates across rows, with the mode "nearest", in the wanted part of each.
template <typename Value>
void correlate_rows(const Rows<Value>& rows, const std::vector<double>& weights, const std::vector<Span>& wanted,
                    Scratch& scratch) {
    Span all;
    for (const Span& span : wanted) all.include(span);
    if (all.empty()) return;
    auto& [copy, sum, pairs] = scratch;
    const std::int64_t width = all.width();
    copy.resize(static_cast<std::size_t>(rows.count * width));
    sum.resize(static_cast<std::size_t>(width));
    for (std::int64_t at = 0; at < rows.count; ++at) {
        double* const __restrict to = copy.data() + at * width;
        const Value* const from = rows[at] + all.first;
        for (std::int64_t x = 0; x < width; ++x) to[x] = static_cast<double>(from[x]);
    }
    pairs.resize(weights.size() - 1);
    for (std::int64_t at = 0; at < rows.count; ++at) {
        const Span& span = wanted[static_cast<std::size_t>(at)];
        if (span.empty()) continue;
        const auto row = [&](std::int64_t number) {
            return copy.data() + clamped(number, rows.count) * width + (span.first - all.first);
        };
        for (std::size_t number = 0; number < pairs.size(); ++number) {
            const std::int64_t step = static_cast<std::int64_t>(pairs.size() - number);
            pairs[number] = {row(at - step), row(at + step), weights[pairs.size() - number]};
        }
        add_up(row(at), weights[0], pairs, sum.data(), span.width());
        const double* const total = sum.data();
        Value* const __restrict to = rows[at] + span.first;
        for (std::int64_t x = 0; x < span.width(); ++x) to[x] = static_cast<Value>(total[x]);
    }
}

// The same along a row.
template <typename Value>
void correlate_row(Value* here, std::int64_t length, const std::vector<double>& weights, const Span& wanted, Scratch& scratch) {
    if (wanted.empty()) return;
    auto& [line, sum, pairs] = scratch;
    const std::int64_t reach = static_cast<std::int64_t>(weights.size()) - 1, width = wanted.width();
    const Span inside = wanted.widened(reach, length);
    line.resize(static_cast<std::size_t>(width + 2 * reach));
    sum.resize(static_cast<std::size_t>(width));
    const std::int64_t before = inside.first - (wanted.first - reach), after = before + inside.width();
    std::fill(line.begin(), line.begin() + before, static_cast<double>(here[0]));
    for (std::int64_t x = 0; x < inside.width(); ++x) line[static_cast<std::size_t>(before + x)] = static_cast<double>(here[inside.first + x]);
    std::fill(line.begin() + after, line.end(), static_cast<double>(here[length - 1]));
    const double* const middle = line.data() + reach;
    pairs.clear();
    for (std::int64_t step = reach; step > 0; --step)
        pairs.push_back({middle - step, middle + step, weights[static_cast<std::size_t>(step)]});
    add_up(middle, weights[0], pairs, sum.data(), width);
    for (std::int64_t x = 0; x < width; ++x) here[wanted.first + x] = static_cast<Value>(sum[static_cast<std::size_t>(x)]);
}

// scipy.ndimage.gaussian_filter with the mode "nearest", given the weights from the middle to one end. With a mask of the
// voxels that are wanted, the others hold no result.
template <typename Value>
void smooth(Value* values, const Size& size, const std::vector<double>& weights, const std::uint8_t* mask) {
    const std::int64_t reach = static_cast<std::int64_t>(weights.size()) - 1;
    const std::vector<Span> wanted = spans_of(mask, size);
    const auto along_x = [&](std::int64_t z, std::int64_t y) {  // what a result reads of a row
        return wanted[static_cast<std::size_t>(z * size[1] + y)].widened(reach, size[2]);
    };
    Scratch scratch;
    std::vector<Span> needed(static_cast<std::size_t>(size[0]));
    for (std::int64_t y = 0; y < size[1]; ++y) {
        for (std::int64_t z = 0; z < size[0]; ++z) {
            Span span;
            for (std::int64_t near = std::max<std::int64_t>(y - reach, 0); near < std::min(y + reach + 1, size[1]); ++near)
                span.include(along_x(z, near));
            needed[static_cast<std::size_t>(z)] = span;
        }
        correlate_rows(rows_along(values, size, 0, y), weights, needed, scratch);
    }
    needed.resize(static_cast<std::size_t>(size[1]));
    for (std::int64_t z = 0; z < size[0]; ++z) {
        const Rows<Value> rows = rows_along(values, size, 1, z);
        for (std::int64_t y = 0; y < size[1]; ++y) needed[static_cast<std::size_t>(y)] = along_x(z, y);
        correlate_rows(rows, weights, needed, scratch);
        for (std::int64_t y = 0; y < size[1]; ++y)
            correlate_row(rows[y], size[2], weights, wanted[static_cast<std::size_t>(z * size[1] + y)], scratch);
    }
}

}  // namespace grids
