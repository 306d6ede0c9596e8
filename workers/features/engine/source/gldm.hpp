// Grey level dependence matrix (IBSI section 3.11, coarseness 0; pyradiomics 3.0.1, gldm.py): the size of a voxel's
// dependence is the number of its neighbours of the same level, and one.
#pragma once

#include "size_matrix.hpp"

namespace engine {

constexpr std::array GLDM_NAMES{
    "DependenceEntropy", "DependenceNonUniformity", "DependenceNonUniformityNormalized", "DependenceVariance",
    "GrayLevelNonUniformity", "GrayLevelVariance", "HighGrayLevelEmphasis", "LargeDependenceEmphasis",
    "LargeDependenceHighGrayLevelEmphasis", "LargeDependenceLowGrayLevelEmphasis", "LowGrayLevelEmphasis",
    "SmallDependenceEmphasis", "SmallDependenceHighGrayLevelEmphasis", "SmallDependenceLowGrayLevelEmphasis"};

inline void gldm(const Levels& levels, const SizeMatrix& dependences, double* out) {
    const SizeSums s = dependences.sums(levels.used());
    const double values[] = {
        s.entropy, s.size_non_uniformity, s.size_non_uniformity / s.entries, s.size_variance, s.level_non_uniformity,
        s.level_variance, s.high, s.large, s.large_high, s.large_low, s.low, s.small, s.small_high, s.small_low};
    std::copy(std::begin(values), std::end(values), out);
}

}  // namespace engine
