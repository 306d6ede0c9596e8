// First-order statistics (IBSI section 3.3 and 3.4; pyradiomics 3.0.1, firstorder.py). X are the values of a region, N
// their number, p the share of voxels of each grey level.
#pragma once

#include <numeric>

#include "levels.hpp"

namespace engine {

constexpr std::array FIRST_ORDER_NAMES{
    "10Percentile", "90Percentile", "Energy", "Entropy", "InterquartileRange", "Kurtosis", "Maximum",
    "MeanAbsoluteDeviation", "Mean", "Median", "Minimum", "Range", "RobustMeanAbsoluteDeviation", "RootMeanSquared",
    "Skewness", "TotalEnergy", "Uniformity", "Variance"};

// Percentiles with linear interpolation between the two nearest values, as numpy's. The values are sorted by grey level,
// within which the values asked for are then found.
class Percentiles {
public:
    explicit Percentiles(const Levels& levels) : values_(levels.values().size()), ends_(levels.counts().size() + 1, 0) {
        std::partial_sum(levels.counts().begin(), levels.counts().end(), ends_.begin() + 1);
        std::vector<std::int64_t> next(ends_.begin(), ends_.end() - 1);
        for (std::size_t i = 0; i < values_.size(); ++i) {
            const std::size_t level = std::size_t{levels.own()[i]} - 1;
            values_[static_cast<std::size_t>(next[level]++)] = levels.values()[i];
        }
    }

    double at(double percent) {
        const double place = percent / 100 * static_cast<double>(values_.size() - 1);
        const auto low = static_cast<std::int64_t>(place);
        const double share = place - static_cast<double>(low), a = nth(low),
                     b = nth(std::min(low + 1, static_cast<std::int64_t>(values_.size()) - 1));
        return share >= 0.5 ? b - (b - a) * (1 - share) : a + (b - a) * share;
    }

private:
    double nth(std::int64_t index) {
        const auto end = std::upper_bound(ends_.begin(), ends_.end(), index);
        const auto begin = values_.begin();
        std::nth_element(begin + *(end - 1), begin + index, begin + *end);
        return *(begin + index);
    }

    std::vector<double> values_;
    std::vector<std::int64_t> ends_;  // of the values of each level
};

inline void first_order(const Levels& levels, double voxel_volume, double* out) {
    const std::vector<double>& values = levels.values();
    const double n = static_cast<double>(values.size());
    // Sums are taken from a value of the region: the mean of equal values then is that value, and their spread 0.
    double sum = 0, energy = 0;
    for (double x : values) {
        sum += x - values[0];
        energy += x * x;
    }
    const double mean = values[0] + sum / n;
    double m2 = 0, m3 = 0, m4 = 0, absolute = 0;
    for (double x : values) {
        const double d = x - mean, square = d * d;
        absolute += std::fabs(d);
        m2 += square;
        m3 += square * d;
        m4 += square * square;
    }
    m2 /= n, m3 /= n, m4 /= n;
    double entropy = 0, uniformity = 0;
    for (std::int64_t count : levels.counts()) {
        const double p = static_cast<double>(count) / n;
        entropy -= entropy_term(p);
        uniformity += p * p;
    }
    Percentiles percentiles(levels);
    const double p10 = percentiles.at(10), p25 = percentiles.at(25), p50 = percentiles.at(50),
                 p75 = percentiles.at(75), p90 = percentiles.at(90);
    double inner_sum = 0, inner_count = 0, inner_absolute = 0;
    for (double x : values)
        if (x >= p10 && x <= p90) {
            inner_sum += x - p50;
            ++inner_count;
        }
    const double inner_mean = p50 + inner_sum / inner_count;
    for (double x : values)
        if (x >= p10 && x <= p90) inner_absolute += std::fabs(x - inner_mean);
    const auto [lowest, highest] = std::minmax_element(values.begin(), values.end());
    const double spread = m2 == 0 ? 1 : m2;
    const double result[] = {p10, p90, energy, entropy, p75 - p25, m4 / (spread * spread), *highest, absolute / n, mean,
                             p50, *lowest, *highest - *lowest, inner_absolute / inner_count, std::sqrt(energy / n),
                             m3 / std::pow(spread, 1.5), energy * voxel_volume, uniformity, m2};
    std::copy(std::begin(result), std::end(result), out);
}

}  // namespace engine
