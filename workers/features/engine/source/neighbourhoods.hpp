// One walk over the neighbours of each voxel, for the two matrices that are made of them.
#pragma once

#include <cstring>

#include "size_matrix.hpp"

namespace engine {

struct Neighbourhoods {
    SizeMatrix dependences;  // of the grey level dependence matrix
    std::vector<double> differences;  // s(i) of the neighbouring grey tone difference matrix
};

// Up to this level, the sum of 26 neighbours fits in 16 bits.
constexpr std::int64_t HIGHEST_OF_SHORT_SUMS = 65535 / 26;

// What is around a voxel: neighbours of its level, neighbours in the region, and the sum of their levels.
template <typename Number>
struct Around {
    Number same, count, sum;
};

// Several voxels next to each other, at once.
using Lanes = std::uint16_t __attribute__((vector_size(2 * READ_AT_A_TIME)));

inline Lanes lanes_at(const std::uint16_t* levels) {
    Lanes found;
    std::memcpy(&found, levels, sizeof found);
    return found;
}

inline Around<Lanes> around(const std::uint16_t* levels, const std::vector<std::int64_t>& neighbours) {
    const Lanes own = lanes_at(levels);
    Around<Lanes> found{};
    for (const std::int64_t offset : neighbours) {
        const Lanes other = lanes_at(levels + offset);
        found.same -= static_cast<Lanes>(other == own);  // true is -1
        found.count -= static_cast<Lanes>(other != 0);
        found.sum += other;
    }
    return found;
}

inline Neighbourhoods neighbourhoods(const Levels& levels) {
    const std::vector<double>& used = levels.used();
    const std::vector<std::int64_t>& voxels = levels.voxels();
    Neighbourhoods found{SizeMatrix(used.size(), levels.neighbours().size() + 1), std::vector<double>(used.size(), 0.0)};
    const auto add = [&](std::size_t i, std::int64_t same, std::int64_t count, std::int64_t sum) {
        const std::size_t index = std::size_t{levels.own()[i]} - 1;
        found.dependences.add(index, static_cast<std::size_t>(same));
        if (count > 0)
            found.differences[index] += std::fabs(used[index] - static_cast<double>(sum) / static_cast<double>(count));
    };
    // Numbers of levels instead of their indices, which are the same where every level is in use.
    std::vector<LevelIndex> numbers;
    if (static_cast<std::int64_t>(used.size()) != levels.highest()) {
        numbers.resize(levels.all().size(), 0);
        for (std::size_t i = 0; i < voxels.size(); ++i)
            numbers[static_cast<std::size_t>(voxels[i])] = static_cast<LevelIndex>(used[std::size_t{levels.own()[i]} - 1]);
    }
    const LevelIndex* const all = numbers.empty() ? levels.all().data() : numbers.data();
    if (levels.highest() <= HIGHEST_OF_SHORT_SUMS) {
        for (std::size_t i = 0; i < voxels.size();) {
            const std::int64_t first = voxels[i], end = first + static_cast<std::int64_t>(READ_AT_A_TIME);
            const Around<Lanes> here = around(all + first, levels.neighbours());
            for (; i < voxels.size() && voxels[i] < end; ++i) {
                const auto lane = static_cast<std::size_t>(voxels[i] - first);
                add(i, here.same[lane], here.count[lane], here.sum[lane]);
            }
        }
        return found;
    }
    for (std::size_t i = 0; i < voxels.size(); ++i) {
        Around<std::int64_t> here{};
        for (const std::int64_t offset : levels.neighbours()) {
            const LevelIndex other = all[voxels[i] + offset];
            here.same += other == all[voxels[i]];
            here.count += other != 0;
            here.sum += other;
        }
        add(i, here.same, here.count, here.sum);
    }
    return found;
}

}  // namespace engine
