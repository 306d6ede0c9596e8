// Largest distances between the points of a surface, which lie on a grid of half voxels.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <iterator>
#include <vector>

namespace engine {

using HalfVoxel = std::array<std::int32_t, 3>;  // z, y, x

inline double squared_distance(const std::array<double, 3>& a, const std::array<double, 3>& b) {
    const double z = a[0] - b[0], y = a[1] - b[1], x = a[2] - b[2];
    return z * z + y * y + x * x;
}

// The largest distance between two points. Pairs are compared in the order of their distances from the middle, whose sum
// no distance exceeds: from a certain point on, none can be farther.
inline double farthest(const std::vector<HalfVoxel>& points, const std::array<double, 3>& spacing) {
    struct Placed {
        std::array<double, 3> at;
        double from_middle;
    };
    std::vector<Placed> placed;
    std::array<double, 3> middle{};
    for (const HalfVoxel& point : points) {
        Placed one{};
        for (std::size_t axis = 0; axis < 3; ++axis) {
            one.at[axis] = static_cast<double>(point[axis]) * 0.5 * spacing[axis];
            middle[axis] += one.at[axis] / static_cast<double>(points.size());
        }
        placed.push_back(one);
    }
    for (Placed& one : placed) one.from_middle = std::sqrt(squared_distance(one.at, middle)) * (1 + 1e-12);
    std::sort(placed.begin(), placed.end(), [](const Placed& a, const Placed& b) { return a.from_middle > b.from_middle; });
    double found = 0, reach = 0;  // the square, and its root
    for (std::size_t i = 0; i < placed.size() && 2 * placed[i].from_middle > reach; ++i)
        for (std::size_t j = i + 1; j < placed.size() && placed[i].from_middle + placed[j].from_middle > reach; ++j)
            if (const double square = squared_distance(placed[i].at, placed[j].at); square > found) {
                found = square;
                reach = std::sqrt(square);
            }
    return reach;
}

// The corners of the convex hull of points in a plane (A. M. Andrew, Information Processing Letters 9:216, 1979);
// `points` are sorted by their coordinates `u`, then `v`.
inline std::vector<HalfVoxel> hull(const std::vector<HalfVoxel>& points, std::size_t u, std::size_t v) {
    if (points.size() < 3) return points;
    std::vector<HalfVoxel> corners;
    const auto extend = [&](const HalfVoxel& point, std::size_t kept) {
        while (corners.size() >= kept + 2) {
            const HalfVoxel &a = corners[corners.size() - 2], &b = corners.back();
            const auto across = std::int64_t{b[u] - a[u]} * (point[v] - a[v]), along = std::int64_t{b[v] - a[v]} * (point[u] - a[u]);
            if (across - along > 0) break;
            corners.pop_back();
        }
        corners.push_back(point);
    };
    for (const HalfVoxel& point : points) extend(point, 0);
    const std::size_t lower = corners.size() - 1;
    for (auto point = points.rbegin() + 1; point != points.rend(); ++point) extend(*point, lower);
    corners.pop_back();
    return corners;
}

// The first and the last point on each line along one axis: no other can be a corner of a hull in a plane of such lines.
class LineEnds {
public:
    // Lines along the axis `along`, by their coordinates on the axes `a` and `b`, which are below the two sizes.
    LineEnds(std::size_t along, std::size_t a, std::size_t b, std::int32_t size_a, std::int32_t size_b)
        : along_(along), a_(a), b_(b), size_a_(size_a), size_b_(size_b),
          first_(static_cast<std::size_t>(size_a) * static_cast<std::size_t>(size_b), NONE), last_(first_) {}

    // Points of a line come in ascending order.
    void add(const HalfVoxel& point) {
        const std::size_t line = index(point[a_], point[b_]);
        if (first_[line] == NONE) first_[line] = point[along_];
        last_[line] = point[along_];
    }

    // Add the corners of the hulls in all planes across the axis `a` or `b`; returns the largest distance in a plane.
    double hulls(std::size_t across, const std::array<double, 3>& spacing, std::vector<HalfVoxel>& found) const {
        const bool is_a = across == a_;
        double widest = 0;
        std::vector<HalfVoxel> points;
        for (std::int32_t plane = 0; plane < (is_a ? size_a_ : size_b_); ++plane) {
            points.clear();
            for (std::int32_t other = 0; other < (is_a ? size_b_ : size_a_); ++other) {
                const std::size_t line = is_a ? index(plane, other) : index(other, plane);
                if (first_[line] == NONE) continue;
                HalfVoxel point{};
                point[across] = plane;
                point[is_a ? b_ : a_] = other;
                point[along_] = first_[line];
                points.push_back(point);
                point[along_] = last_[line];
                if (last_[line] != first_[line]) points.push_back(point);
            }
            if (points.empty()) continue;
            const std::vector<HalfVoxel> corners = hull(points, is_a ? b_ : a_, along_);
            widest = std::max(widest, farthest(corners, spacing));
            found.insert(found.end(), corners.begin(), corners.end());
        }
        return widest;
    }

private:
    static constexpr std::int32_t NONE = -1;
    std::size_t index(std::int32_t a, std::int32_t b) const {
        return static_cast<std::size_t>(a) * static_cast<std::size_t>(size_b_) + static_cast<std::size_t>(b);
    }

    std::size_t along_, a_, b_;
    std::int32_t size_a_, size_b_;
    std::vector<std::int32_t> first_, last_;
};

// The points of a surface on a grid of half voxels, as far as they can be at the ends of a diameter.
class Outline {
public:
    explicit Outline(std::array<std::int32_t, 3> size) : along_x_(2, 0, 1, size[0], size[1]), along_y_(1, 0, 2, size[0], size[2]) {}

    // Points come in ascending order of z, y, x, as far as they lie on one line.
    void add(const HalfVoxel& point) {
        along_x_.add(point);
        along_y_.add(point);
    }

    // The largest distance in planes of one z, one y and one x, and between any two points.
    std::array<double, 4> diameters(const std::array<double, 3>& spacing) const {
        std::array<std::vector<HalfVoxel>, 3> corners;
        std::array<double, 4> found{};
        for (std::size_t axis = 0; axis < 3; ++axis) {
            found[axis] = (axis == 2 ? along_y_ : along_x_).hulls(axis, spacing, corners[axis]);
            std::sort(corners[axis].begin(), corners[axis].end());
        }
        // A corner of the convex hull is one of the hull in each plane through it.
        std::vector<HalfVoxel> two, all;
        std::set_intersection(corners[0].begin(), corners[0].end(), corners[1].begin(), corners[1].end(), std::back_inserter(two));
        std::set_intersection(two.begin(), two.end(), corners[2].begin(), corners[2].end(), std::back_inserter(all));
        found[3] = farthest(all, spacing);
        return found;
    }

private:
    LineEnds along_x_, along_y_;
};

// The largest distance between the centres of two voxels of a mask (z, y, x), in voxels.
inline double longest(const std::uint8_t* mask, const std::array<std::int64_t, 3>& size) {
    const auto halves = [](std::int64_t at) { return static_cast<std::int32_t>(2 * at); };
    Outline outline({halves(size[0]), halves(size[1]), halves(size[2])});
    for (std::int64_t z = 0; z < size[0]; ++z)
        for (std::int64_t y = 0; y < size[1]; ++y)
            for (std::int64_t x = 0; x < size[2]; ++x)
                if (*mask++) outline.add({halves(z), halves(y), halves(x)});
    return outline.diameters({1, 1, 1})[3];
}

}  // namespace engine
