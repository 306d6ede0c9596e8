// Grey level size zone matrix (IBSI section 3.8; pyradiomics 3.0.1, glszm.py): zones are connected voxels of one level,
// with 26 neighbours each (8 within slices).
#pragma once

#include <cstring>

#include "size_matrix.hpp"

namespace engine {

constexpr std::array GLSZM_NAMES{
    "GrayLevelNonUniformity", "GrayLevelNonUniformityNormalized", "GrayLevelVariance", "HighGrayLevelZoneEmphasis",
    "LargeAreaEmphasis", "LargeAreaHighGrayLevelEmphasis", "LargeAreaLowGrayLevelEmphasis", "LowGrayLevelZoneEmphasis",
    "SizeZoneNonUniformity", "SizeZoneNonUniformityNormalized", "SmallAreaEmphasis", "SmallAreaHighGrayLevelEmphasis",
    "SmallAreaLowGrayLevelEmphasis", "ZoneEntropy", "ZonePercentage", "ZoneVariance"};

// Whether one of three levels next to each other is this one; a fourth is read, too.
inline bool any_of_three(const LevelIndex* levels, LevelIndex level) {
    using Four = LevelIndex __attribute__((vector_size(8)));
    constexpr LevelIndex THREE[] = {0xffff, 0xffff, 0xffff, 0};
    Four read, counted;
    std::memcpy(&read, levels, sizeof read);
    std::memcpy(&counted, THREE, sizeof counted);
    const auto found = static_cast<Four>(read == level) & counted;
    std::uint64_t bits;
    std::memcpy(&bits, &found, sizeof bits);
    return bits != 0;
}

inline void glszm(const Levels& levels, double* out) {
    struct Zone {
        std::size_t level, size;
    };
    std::vector<Zone> zones;
    std::vector<LevelIndex> left = levels.all();  // levels of voxels in no zone yet
    std::vector<std::int64_t> open, rows;  // the first of three neighbours along x, in the rows around a voxel
    for (int z = levels.in_plane() ? 0 : -1; z <= (levels.in_plane() ? 0 : 1); ++z)
        for (int y = -1; y <= 1; ++y) rows.push_back(levels.step({z, y, -1}));
    for (std::int64_t voxel : levels.voxels()) {
        const LevelIndex level = left[static_cast<std::size_t>(voxel)];
        if (level == 0) continue;
        std::size_t size = 0;
        left[static_cast<std::size_t>(voxel)] = 0;
        open.push_back(voxel);
        while (!open.empty()) {
            const std::int64_t current = open.back();
            open.pop_back();
            ++size;
            for (const std::int64_t row : rows) {
                LevelIndex* const three = left.data() + current + row;
                if (!any_of_three(three, level)) continue;
                for (std::int64_t x = 0; x < 3; ++x)
                    if (three[x] == level) {
                        three[x] = 0;
                        open.push_back(current + row + x);
                    }
            }
        }
        zones.push_back({std::size_t{level} - 1, size});
    }
    // Sizes in use by their index: most sizes between the smallest and the largest zone do not occur.
    std::vector<std::size_t> sizes;
    for (const Zone& zone : zones) sizes.push_back(zone.size);
    std::sort(sizes.begin(), sizes.end());
    sizes.erase(std::unique(sizes.begin(), sizes.end()), sizes.end());
    SizeMatrix matrix(levels.used().size(), std::vector<double>(sizes.begin(), sizes.end()));
    for (const Zone& zone : zones)
        matrix.add(zone.level, static_cast<std::size_t>(
                                   std::lower_bound(sizes.begin(), sizes.end(), zone.size) - sizes.begin()));
    const SizeSums s = matrix.sums(levels.used());
    const double values[] = {
        s.level_non_uniformity, s.level_non_uniformity / s.entries, s.level_variance, s.high, s.large, s.large_high,
        s.large_low, s.low, s.size_non_uniformity, s.size_non_uniformity / s.entries, s.small, s.small_high,
        s.small_low, s.entropy, s.entries / s.voxels, s.size_variance};
    std::copy(std::begin(values), std::end(values), out);
}

}  // namespace engine
