// One walk over the neighbours of each voxel, for the two matrices that are made of them.
#pragma once

#include "size_matrix.hpp"

namespace engine {

struct Neighbourhoods {
    SizeMatrix dependences;  // of the grey level dependence matrix
    std::vector<double> differences;  // s(i) of the neighbouring grey tone difference matrix
};

inline Neighbourhoods neighbourhoods(const Levels& levels) {
    const std::vector<double>& used = levels.used();
    Neighbourhoods found{SizeMatrix(used.size(), levels.neighbours().size() + 1),
                         std::vector<double>(used.size(), 0.0)};
    std::vector<std::int64_t> whole(used.size() + 1, 0);  // levels as whole numbers, 0 outside of the region
    for (std::size_t index = 0; index < used.size(); ++index) whole[index + 1] = static_cast<std::int64_t>(used[index]);
    for (std::int64_t voxel : levels.voxels()) {
        const LevelIndex level = levels.at(voxel);
        std::size_t same = 0;
        std::int64_t count = 0, sum = 0;
        for (std::int64_t offset : levels.neighbours()) {
            const LevelIndex other = levels.at(voxel + offset);
            same += other == level;
            count += other != 0;
            sum += whole[other];
        }
        const std::size_t index = std::size_t{level} - 1;
        found.dependences.add(index, same);
        if (count > 0)
            found.differences[index] += std::fabs(used[index] - static_cast<double>(sum) / static_cast<double>(count));
    }
    return found;
}

}  // namespace engine
