// Rows along x of whole arrays (z, y, x). They are contiguous, and the other two axes are walked row by row, so that a compiler
// vectorises.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

#include "wide_vectors.hpp"

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

// A part of a row: the voxels from `first` up to `end`.
struct Span {
    std::int64_t first = 0, end = 0;

    bool empty() const { return first >= end; }
    std::int64_t width() const { return end - first; }

    void include(const Span& other) {
        if (other.empty()) return;
        *this = empty() ? other : Span{std::min(first, other.first), std::max(end, other.end)};
    }

    Span widened(std::int64_t reach, std::int64_t length) const {
        return empty() ? *this : Span{std::max<std::int64_t>(first - reach, 0), std::min(end + reach, length)};
    }
};

// The part of each row (z, y) that holds the voxels of a mask; whole rows without one.
inline std::vector<Span> spans_of(const std::uint8_t* mask, const Size& size) {
    std::vector<Span> found(static_cast<std::size_t>(size[0] * size[1]), Span{0, mask ? 0 : size[2]});
    if (mask == nullptr) return found;
    for (Span& span : found) {
        std::int64_t first = 0, end = size[2];
        while (first < end && mask[first] == 0) ++first;
        while (first < end && mask[end - 1] == 0) --end;
        span = {first, end};
        mask += size[2];
    }
    return found;
}

}  // namespace grids
