// Grey level run length matrix (IBSI section 3.7; pyradiomics 3.0.1, glrlm.py): runs are neighbouring voxels of one
// level along a direction, one matrix a direction. A feature is the mean over directions.
#pragma once

#include "size_matrix.hpp"

namespace engine {

constexpr std::array GLRLM_NAMES{
    "GrayLevelNonUniformity", "GrayLevelNonUniformityNormalized", "GrayLevelVariance", "HighGrayLevelRunEmphasis",
    "LongRunEmphasis", "LongRunHighGrayLevelEmphasis", "LongRunLowGrayLevelEmphasis", "LowGrayLevelRunEmphasis",
    "RunEntropy", "RunLengthNonUniformity", "RunLengthNonUniformityNormalized", "RunPercentage", "RunVariance",
    "ShortRunEmphasis", "ShortRunHighGrayLevelEmphasis", "ShortRunLowGrayLevelEmphasis"};

constexpr std::size_t RUN_ENTROPY = 8, RUN_VARIANCE = 12;

// Whether any line along a direction holds two voxels of the region, be there a gap between them. Where none does, the
// region is flat across this direction, which then does not count.
inline bool has_lines(const Levels& levels, const Direction& direction) {
    const std::int64_t step = levels.step(direction);
    for (std::int64_t voxel : levels.voxels())
        if (levels.at(voxel + step)) return true;
    const auto [depth, rows, columns] = levels.size();
    const auto strides = levels.strides();
    for (std::int64_t voxel : levels.voxels()) {
        std::int64_t z = voxel / strides[0], y = voxel % strides[0] / strides[1], x = voxel % strides[1];
        for (std::int64_t next = voxel;;) {
            z += direction.z, y += direction.y, x += direction.x;
            if (z < 1 || z > depth || y < 1 || y > rows || x < 1 || x > columns) break;
            next += step;
            if (levels.at(next)) return true;
        }
    }
    return false;
}

inline void glrlm(const Levels& levels, double* out) {
    const auto size = levels.size();
    const std::size_t n = levels.used().size(), longest = static_cast<std::size_t>(*std::max_element(size.begin(), size.end()));
    SizeMatrix runs(n, longest);
    std::vector<std::int32_t> before(levels.all().size(), 0);  // how many voxels of its run are before a voxel
    std::vector<std::int64_t> reaching((longest + 1) * n);  // how many runs of a level have more voxels than that
    std::array<DirectionMean, GLRLM_NAMES.size()> means;
    int filled = 0;
    for (const Direction& direction : levels.directions()) {
        if (!has_lines(levels, direction)) continue;
        ++filled;
        std::fill(reaching.begin(), reaching.end(), 0);
        const std::int64_t step = levels.step(direction);
        for (std::size_t i = 0; i < levels.voxels().size(); ++i) {
            // The voxel one step before comes earlier, so that runs are counted as they grow.
            const std::int64_t voxel = levels.voxels()[i], last = voxel - step;
            const LevelIndex level = levels.own()[i];
            const std::int32_t ahead = (before[static_cast<std::size_t>(last)] + 1) & -std::int32_t{levels.at(last) == level};
            before[static_cast<std::size_t>(voxel)] = ahead;
            ++reaching[static_cast<std::size_t>(ahead) * n + level - 1];
        }
        for (std::size_t further = 0; further < longest; ++further)
            for (std::size_t level = 0; level < n; ++level)
                runs.set(level, further, static_cast<double>(reaching[further * n + level] - reaching[(further + 1) * n + level]));
        const SizeSums s = runs.sums(levels.used());
        const double values[] = {
            s.level_non_uniformity, s.level_non_uniformity / s.entries, s.level_variance, s.high, s.large, s.large_high,
            s.large_low, s.low, s.entropy, s.size_non_uniformity, s.size_non_uniformity / s.entries,
            s.entries / s.voxels, s.size_variance, s.small, s.small_high, s.small_low};
        for (std::size_t k = 0; k < means.size(); ++k) means[k].add(values[k]);
    }
    for (std::size_t k = 0; k < means.size(); ++k) out[k] = means[k].value();
    // pyradiomics keeps a direction that does not count where it is the only one: sums over its no runs are 0.
    if (filled == 0 && levels.directions().size() == 1) out[RUN_ENTROPY] = out[RUN_VARIANCE] = 0;
}

}  // namespace engine
