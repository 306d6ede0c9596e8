// Neighbouring grey tone difference matrix (IBSI section 3.9; pyradiomics 3.0.1, ngtdm.py): n(i) voxels have level i,
// and s(i) is the sum of the differences between them and the mean level of their neighbours in the region.
#pragma once

#include "levels.hpp"

namespace engine {

constexpr std::array NGTDM_NAMES{"Busyness", "Coarseness", "Complexity", "Contrast", "Strength"};

inline void ngtdm(const Levels& levels, const std::vector<double>& differences, double* out) {
    const std::vector<double>& used = levels.used();
    const std::size_t n = used.size();
    const double voxels = static_cast<double>(levels.voxels().size());
    std::vector<double> p(n);
    double coarseness = 0, difference_sum = 0;
    for (std::size_t i = 0; i < n; ++i) {
        p[i] = static_cast<double>(levels.counts()[i]) / voxels;
        coarseness += p[i] * differences[i];
        difference_sum += differences[i];
    }
    double contrast = 0, busyness = 0, complexity = 0, strength = 0;
    for (std::size_t i = 0; i < n; ++i)
        for (std::size_t j = 0; j < n; ++j) {
            const double apart = used[i] - used[j], square = apart * apart;
            contrast += p[i] * p[j] * square;
            busyness += std::fabs(used[i] * p[i] - used[j] * p[j]);
            complexity += std::fabs(apart) * (p[i] * differences[i] + p[j] * differences[j]) / (p[i] + p[j]);
            strength += (p[i] + p[j]) * square;
        }
    const double level_pairs = static_cast<double>(n) * static_cast<double>(n - 1);
    const double values[] = {
        busyness == 0 ? 0 : coarseness / busyness,
        coarseness == 0 ? 1e6 : 1 / coarseness,
        complexity / voxels,
        level_pairs == 0 ? 0 : contrast * difference_sum / voxels / level_pairs,
        difference_sum == 0 ? 0 : strength / difference_sum};
    std::copy(std::begin(values), std::end(values), out);
}

}  // namespace engine
