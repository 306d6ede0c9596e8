// Grey levels of a region: found once per image, read by all texture matrices.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <stdexcept>
#include <string>
#include <vector>

namespace engine {

constexpr double NO_VALUE = std::numeric_limits<double>::quiet_NaN();
// The spacing of doubles at 1: pyradiomics adds it to arguments of logarithms and to denominators.
constexpr double EPSILON = std::numeric_limits<double>::epsilon();

// p log2(p), as pyradiomics takes it; 0 for p = 0.
inline double entropy_term(double p) { return p == 0 ? 0.0 : p * std::log2(p + EPSILON); }

// An offset to a neighbouring voxel (z, y, x), each of -1, 0 and 1.
struct Direction {
    int z, y, x;
};

// The index of a level among those in use, from 1; 0 is no level.
using LevelIndex = std::uint16_t;

// How many levels are read from a voxel on where several are compared at once.
constexpr std::size_t READ_AT_A_TIME = 8;

// The most levels in use. Matrices grow with their square, the eigenproblem of MCC with their cube.
constexpr std::size_t MAX_LEVELS = 2048;

// The error of a region with more levels than that, or with a higher one than LevelIndex can number.
[[noreturn]] inline void refuse_levels() {
    throw std::overflow_error("more than " + std::to_string(MAX_LEVELS) + " grey levels");
}

// A region's voxels with their grey levels, in a volume with a border of one voxel outside of the region.
//
// A level is the number of the bin that a value falls into: bins have one width, begin at a multiple of it, and the
// lowest one in use has number 1 (fixed bin width, IBSI section 2.7, with the edges of pyradiomics 3.0.1).
class Levels {
public:
    // `image` and `mask` are z, y, x and contiguous; `size` is their shape.
    Levels(const double* image, const std::uint8_t* mask, std::array<std::int64_t, 3> size, double bin_width,
           bool in_plane)
        : size_(size),
          strides_{(size[1] + 2) * (size[2] + 2), size[2] + 2, 1},
          level_(static_cast<std::size_t>((size[0] + 2) * strides_[0]) + READ_AT_A_TIME, 0),
          in_plane_(in_plane) {
        const std::int64_t all = size[0] * size[1] * size[2];
        const auto count = static_cast<std::size_t>(all - std::count(mask, mask + all, std::uint8_t{0}));
        voxels_.reserve(count), values_.reserve(count);
        for (std::int64_t z = 0, row = 0; z < size[0]; ++z)
            for (std::int64_t y = 0; y < size[1]; ++y, row += size[2]) {
                const std::int64_t place = (z + 1) * strides_[0] + (y + 1) * strides_[1] + 1;
                for (std::int64_t x = 0; x < size[2]; ++x)
                    if (mask[row + x]) {
                        voxels_.push_back(place + x);
                        values_.push_back(image[row + x]);
                    }
            }
        if (values_.empty()) throw std::invalid_argument("the region has no voxel");
        for (double value : values_)
            if (!std::isfinite(value)) throw std::invalid_argument("a value of the region is not a finite number");
        discretise(bin_width);
        find_directions();
    }

    const std::vector<double>& values() const { return values_; }
    // Places in `at`, in the order of `values`.
    const std::vector<std::int64_t>& voxels() const { return voxels_; }
    // The levels of the region's voxels, in the order of `values`.
    const std::vector<LevelIndex>& own() const { return own_; }
    // The level of a voxel; 0 outside of the region.
    LevelIndex at(std::int64_t voxel) const { return level_[static_cast<std::size_t>(voxel)]; }
    // The levels in use, ascending.
    const std::vector<double>& used() const { return used_; }
    // All of them; behind the last, so many more can be read as `READ_AT_A_TIME` says.
    const std::vector<LevelIndex>& all() const { return level_; }
    // Voxels of each level in use.
    const std::vector<std::int64_t>& counts() const { return counts_; }
    // The highest level.
    std::int64_t highest() const { return highest_; }
    // One of each pair of opposite directions.
    const std::vector<Direction>& directions() const { return directions_; }
    // The step in the volume of one step in a direction.
    std::int64_t step(const Direction& d) const { return d.z * strides_[0] + d.y * strides_[1] + d.x * strides_[2]; }
    // The places of all neighbours relative to a voxel: 26 of them, 8 within slices.
    const std::vector<std::int64_t>& neighbours() const { return neighbours_; }
    // Whether neighbours are those of one slice.
    bool in_plane() const { return in_plane_; }
    std::array<std::int64_t, 3> size() const { return size_; }
    std::array<std::int64_t, 3> strides() const { return strides_; }

private:
    void discretise(double width) {
        const auto [lowest, highest] = std::minmax_element(values_.begin(), values_.end());
        double remainder = std::fmod(*lowest, width);
        if (remainder != 0 && remainder < 0) remainder += width;
        const double first = *lowest - remainder;
        const double step = (first + width) - first;  // how numpy.arange makes the edges
        // Without a step, values of 1e17 and above for usual widths, the edges of the bins could never be passed.
        if (!(step > 0)) throw std::invalid_argument("the bin width is below the spacing of numbers as large as these");
        if ((*highest - first) / width >= std::numeric_limits<LevelIndex>::max()) refuse_levels();
        std::vector<LevelIndex>& bins = own_;
        bins.resize(values_.size());
        std::vector<LevelIndex> index;  // of each bin
        for (std::size_t i = 0; i < values_.size(); ++i) {
            auto edge = static_cast<double>(static_cast<std::int64_t>((values_[i] - first) / step));
            while (first + edge * step > values_[i]) --edge;
            while (first + (edge + 1) * step <= values_[i]) ++edge;
            bins[i] = static_cast<LevelIndex>(edge);
            if (index.size() <= bins[i]) index.resize(std::size_t{bins[i]} + 1, 0);
            index[bins[i]] = 1;
        }
        for (std::size_t bin = 0; bin < index.size(); ++bin)
            if (index[bin] != 0) {
                used_.push_back(static_cast<double>(bin + 1));
                index[bin] = static_cast<LevelIndex>(used_.size());
            }
        if (used_.size() > MAX_LEVELS) refuse_levels();
        highest_ = static_cast<std::int64_t>(index.size());
        counts_.assign(used_.size(), 0);
        for (std::size_t i = 0; i < own_.size(); ++i) {
            own_[i] = index[bins[i]];
            level_[static_cast<std::size_t>(voxels_[i])] = own_[i];
            ++counts_[std::size_t{own_[i]} - 1];
        }
    }

    void find_directions() {
        for (int z = 1; z >= -1; --z)
            for (int y = 1; y >= -1; --y)
                for (int x = 1; x >= -1; --x) {
                    const bool fits = (z == 0 || (size_[0] > 1 && !in_plane_)) && (y == 0 || size_[1] > 1) &&
                                      (x == 0 || size_[2] > 1);
                    if (!fits || (z == 0 && y == 0 && x == 0)) continue;
                    const Direction direction{z, y, x};
                    neighbours_.push_back(step(direction));
                    if (z > 0 || (z == 0 && (y > 0 || (y == 0 && x > 0)))) directions_.push_back(direction);
                }
    }

    std::array<std::int64_t, 3> size_, strides_;
    std::vector<LevelIndex> level_, own_;
    bool in_plane_;
    std::vector<std::int64_t> voxels_, counts_, neighbours_;
    std::vector<double> values_, used_;
    std::int64_t highest_ = 0;
    std::vector<Direction> directions_;
};

// The mean over those directions in which a feature has a value (numpy.nanmean).
class DirectionMean {
public:
    void add(double value) {
        if (std::isnan(value)) return;
        sum_ += value;
        ++count_;
    }
    double value() const { return count_ == 0 ? NO_VALUE : sum_ / count_; }

private:
    double sum_ = 0;
    int count_ = 0;
};

}  // namespace engine
