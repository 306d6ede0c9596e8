// What run length, size zone and dependence matrices have in common: M(i, j) counts the runs, zones or voxels with grey
// level i and size j, and their features are the same sums (IBSI sections 3.7, 3.8 and 3.11).
#pragma once

#include "levels.hpp"

namespace engine {

// The sums over one matrix that features are made of.
struct SizeSums {
    double entries = 0;  // N
    double small = 0, large = 0;  // of M / j^2 and M j^2, by N
    double low = 0, high = 0;  // of M / i^2 and M i^2, by N
    double small_low = 0, small_high = 0, large_low = 0, large_high = 0;
    double level_non_uniformity = 0, size_non_uniformity = 0;  // of squared row and column sums, by N
    double level_variance = 0, size_variance = 0, entropy = 0;
    double voxels = 0;  // of M j
};

// A matrix, filled entry by entry: levels in use and sizes by their index from 0.
class SizeMatrix {
public:
    // All sizes from 1 to `largest`, so that the index of a size is the size less one.
    SizeMatrix(std::size_t levels, std::size_t largest) : SizeMatrix(levels, up_to(largest)) {}
    SizeMatrix(std::size_t levels, std::vector<double> sizes)
        : levels_(levels), sizes_(std::move(sizes)), counts_(levels * sizes_.size(), 0.0) {}

    void add(std::size_t level, std::size_t size) { counts_[size * levels_ + level] += 1; }
    void set(std::size_t level, std::size_t size, double count) { counts_[size * levels_ + level] = count; }

    SizeSums sums(const std::vector<double>& used) const {
        SizeSums s;
        std::vector<double> rows(levels_, 0.0);
        std::vector<std::pair<double, double>> columns;  // size, count
        for (std::size_t size = 0; size < sizes_.size(); ++size) {
            double column = 0;
            const double j = sizes_[size], jj = j * j;
            for (std::size_t level = 0; level < levels_; ++level) {
                const double count = counts_[size * levels_ + level];
                if (count == 0) continue;
                const double ii = used[level] * used[level];
                column += count;
                rows[level] += count;
                s.small_low += count / (ii * jj);
                s.small_high += count * ii / jj;
                s.large_low += count * jj / ii;
                s.large_high += count * jj * ii;
            }
            if (column != 0) columns.emplace_back(j, column);
            s.entries += column;
        }
        if (s.entries == 0) return s;
        double size_mean = 0, level_mean = 0;
        for (const auto& [j, count] : columns) {
            s.small += count / (j * j);
            s.large += count * j * j;
            s.size_non_uniformity += count * count;
            s.voxels += count * j;
            size_mean += count / s.entries * j;
        }
        for (std::size_t level = 0; level < levels_; ++level) {
            const double count = rows[level], i = used[level];
            s.low += count / (i * i);
            s.high += count * i * i;
            s.level_non_uniformity += count * count;
            level_mean += count / s.entries * i;
        }
        for (const auto& [j, count] : columns) s.size_variance += count / s.entries * (j - size_mean) * (j - size_mean);
        for (std::size_t level = 0; level < levels_; ++level)
            s.level_variance += rows[level] / s.entries * (used[level] - level_mean) * (used[level] - level_mean);
        for (const double count : counts_) s.entropy -= entropy_term(count / s.entries);
        for (double* sum : {&s.small, &s.large, &s.low, &s.high, &s.small_low, &s.small_high, &s.large_low, &s.large_high,
                            &s.level_non_uniformity, &s.size_non_uniformity})
            *sum /= s.entries;
        return s;
    }

private:
    static std::vector<double> up_to(std::size_t largest) {
        std::vector<double> sizes(largest);
        for (std::size_t index = 0; index < largest; ++index) sizes[index] = static_cast<double>(index + 1);
        return sizes;
    }

    std::size_t levels_;
    std::vector<double> sizes_, counts_;  // counts by size, then level
};

}  // namespace engine
