// Shape of a region (IBSI section 3.1; pyradiomics 3.0.1, shape.py): the surface is that of marching cubes through the
// middle of the edges between voxels of the region and others; axes are those of the voxel centres.
#pragma once

#include "convex_hull.hpp"
#include "levels.hpp"
#include "symmetric_eigenvalues.hpp"

namespace engine {

constexpr std::array SHAPE_NAMES{
    "Elongation", "Flatness", "LeastAxisLength", "MajorAxisLength", "Maximum2DDiameterColumn", "Maximum2DDiameterRow",
    "Maximum2DDiameterSlice", "Maximum3DDiameter", "MeshVolume", "MinorAxisLength", "Sphericity", "SurfaceArea",
    "SurfaceVolumeRatio", "VoxelVolume"};

using Point = std::array<double, 3>;  // z, y, x

// An eigenvalue of a covariance below this share of the largest is zero: a flat region has no extent across its plane.
constexpr double ROUNDING = 1e-14;

// The middles of the edges of a cube, in steps of half an edge from its first corner. Its corners (z, y, x) are numbered
// 000, 001, 011, 010, 100, 101, 111, 110: a kind of cube has the bit of each corner that is inside.
constexpr int EDGES[12][3] = {{0, 0, 1}, {0, 1, 2}, {0, 2, 1}, {0, 1, 0}, {2, 0, 1}, {2, 1, 2},
                              {2, 2, 1}, {2, 1, 0}, {1, 0, 0}, {1, 0, 2}, {1, 2, 2}, {1, 2, 0}};

// The triangles of each cube whose last corner is outside: three edges each, as hexadecimal digits. A cube whose last
// corner is inside has those of its complement, turned inside out. Data of pyradiomics (cshape.c, BSD 3-clause licence,
// Copyright 2017 Harvard Medical School), after P. Bourke, Polygonising a scalar field (1994).
constexpr const char* TRIANGLES[128] = {
    "", "083", "190", "183198", "12a", "08312a", "92a029", "2832a8a98", "b23", "b2008b", "190b23", "b2119b98b",
    "3a1ba3", "a1008a8ba", "9033b9ba9", "98aba8", "478", "043473", "190478", "194147173", "12a478", "34730412a",
    "92a902478", "2a9297273479", "478b23", "b47b24204", "190478b23", "47b94bb29192", "3a1ba3478", "ba114b10447b",
    "4789033b9ba9", "47b4b99ba", "954", "954083", "054015", "854835315", "12a954", "08312a954", "2a5542240",
    "2a5325354834", "954b23", "b2008b954", "054015b23", "215258b28548", "3a1ba3954", "549a1008a8ba", "54050ba5bb03",
    "548a58ba8", "789579", "309539357", "780017715", "157173", "78957912a", "12a309395357", "0288258572a5",
    "2a5253357", "579789b23", "579972209b27", "b23018178157", "21b17b157", "7895793a1ba3", "5705097b0a10ba0",
    "ba003ba50078570", "ba557b", "65a", "08365a", "19065a", "18319865a", "165126", "165126083", "965906026",
    "598582526832", "b2365a", "b2008b65a", "190b2365a", "b2119b98b65a", "63b653513", "08b0b50515b6", "63b036065059",
    "65969bb98", "47865a", "04347365a", "19047865a", "19414717365a", "478165126", "043473165126", "478965906026",
    "739479329596269", "b2347865a", "b47b2420465a", "190b2347865a", "47b94bb2919265a", "47863b653513",
    "51b5b610b47b04b", "47863b036065059", "65969b4797b9", "a4964a", "a4964a083", "01aa60640", "18316886461a",
    "149124264", "149124264083", "024426", "832824426", "b23a4964a", "b2008ba4964a", "b2301aa60640",
    "64161a148b2118b", "964369139b63", "18b081b61149641", "63b036640", "86468b", "67a78a89a", "67a0a709a073",
    "67a1a7178018", "67a1a7173", "126168189678", "269129679309739", "078706602", "273267", "b2367a78a89a",
    "207b2709767a9a7", "67a1a7178018b23", "b2117ba61167", "896678169b63136", "09167b", "07870603bb60", "67b",
};

inline Point cross(const Point& a, const Point& b) {
    return {a[1] * b[2] - b[1] * a[2], a[2] * b[0] - b[2] * a[0], a[0] * b[1] - b[0] * a[1]};
}

// The surface of one kind of cube: its area; the volume of the cones from its first corner to the triangles; and how
// that volume, times six, changes when the cube moves.
struct CubeSurface {
    double area = 0, volume = 0;
    Point change{0, 0, 0};

    CubeSurface() = default;
    CubeSurface(const char* triangles, const Point& spacing) {
        for (; *triangles; triangles += 3) {
            Point corner[3];
            for (int k = 0; k < 3; ++k) {
                const int edge = triangles[k] <= '9' ? triangles[k] - '0' : triangles[k] - 'a' + 10;
                for (int axis = 0; axis < 3; ++axis) corner[k][axis] = EDGES[edge][axis] * 0.5 * spacing[axis];
            }
            const Point ab = cross(corner[0], corner[1]), bc = cross(corner[1], corner[2]), ca = cross(corner[2], corner[0]);
            double square = 0;
            for (int axis = 0; axis < 3; ++axis) {
                volume += ab[axis] * corner[2][axis];
                const double normal = ab[axis] + bc[axis] + ca[axis];
                change[axis] += normal;
                square += normal * normal;
            }
            area += std::sqrt(square) / 2;
        }
    }
};

// A mask (z, y, x) with a border of one voxel.
class PaddedMask {
public:
    PaddedMask(const std::uint8_t* mask, std::array<std::int64_t, 3> size)
        : size_{size[0] + 2, size[1] + 2, size[2] + 2},
          inside_(static_cast<std::size_t>(size_[0] * size_[1] * size_[2]), 0) {
        for (std::int64_t z = 0, source = 0; z < size[0]; ++z)
            for (std::int64_t y = 0; y < size[1]; ++y)
                for (std::int64_t x = 0; x < size[2]; ++x, ++source)
                    inside_[static_cast<std::size_t>(((z + 1) * size_[1] + y + 1) * size_[2] + x + 1)] = mask[source] != 0;
    }
    // 1 inside, 0 outside.
    const std::uint8_t* row(std::int64_t z, std::int64_t y) const {
        return &inside_[static_cast<std::size_t>((z * size_[1] + y) * size_[2])];
    }
    const std::array<std::int64_t, 3>& size() const { return size_; }

private:
    std::array<std::int64_t, 3> size_;
    std::vector<std::uint8_t> inside_;
};

struct Surface {
    double area = 0, volume = 0;
    std::array<double, 4> diameters{};  // in planes of one z, one y, one x; in any direction
};

// How often each kind of cube occurs, and the sums of its places.
struct KindCount {
    std::int64_t count = 0, z = 0, y = 0, x = 0;
};

inline Surface surface(const PaddedMask& mask, const Point& spacing) {
    std::array<KindCount, 256> kinds;
    const auto [depth, rows, columns] = mask.size();
    const auto halves = [](std::int64_t size) { return static_cast<std::int32_t>(2 * size); };
    Outline outline({halves(depth), halves(rows), halves(columns)});
    for (std::int64_t z = 0; z + 1 < depth; ++z)
        for (std::int64_t y = 0; y + 1 < rows; ++y) {
            const std::uint8_t *low = mask.row(z, y), *low_next = mask.row(z, y + 1), *high = mask.row(z + 1, y),
                               *high_next = mask.row(z + 1, y + 1);
            // The corners of a cube at x are bits 0, 3, 4 and 7 of its kind, those at x + 1 bits 1, 2, 5 and 6.
            unsigned column = 0;
            for (std::int64_t x = 0; x + 1 < columns; ++x) {
                const unsigned kind = column | unsigned{low[x + 1]} << 1 | unsigned{low_next[x + 1]} << 2 |
                                      unsigned{high[x + 1]} << 5 | unsigned{high_next[x + 1]} << 6;
                column = (kind & 0x22) >> 1 | (kind & 0x44) << 1;
                if (kind == 0 || kind == 0xff) continue;
                KindCount& found = kinds[kind];
                ++found.count, found.z += z, found.y += y, found.x += x;
                const HalfVoxel at{halves(z), halves(y), halves(x)};
                const unsigned inside = kind & 1;
                if ((kind >> 1 & 1) != inside) outline.add({at[0], at[1], at[2] + 1});
                if ((kind >> 3 & 1) != inside) outline.add({at[0], at[1] + 1, at[2]});
                if ((kind >> 4 & 1) != inside) outline.add({at[0] + 1, at[1], at[2]});
            }
        }
    Surface found;
    for (unsigned kind = 0; kind < 256; ++kind) {
        const bool turned = kind & 0x80;
        const CubeSurface cube(TRIANGLES[turned ? kind ^ 0xff : kind], spacing);
        const KindCount& at = kinds[kind];
        const double volume = static_cast<double>(at.count) * cube.volume +
                              cube.change[0] * static_cast<double>(at.z) * spacing[0] +
                              cube.change[1] * static_cast<double>(at.y) * spacing[1] +
                              cube.change[2] * static_cast<double>(at.x) * spacing[2];
        found.area += static_cast<double>(at.count) * cube.area;
        found.volume += (turned ? -volume : volume) / 6;
    }
    found.diameters = outline.diameters(spacing);
    return found;
}

inline void shape(const std::uint8_t* array, std::array<std::int64_t, 3> size, const Point& spacing, double* out) {
    const PaddedMask mask(array, size);
    // In whole numbers, so that a region that is flat has no extent across its plane.
    std::int64_t voxels = 0, sums[3] = {0, 0, 0}, products[9] = {};
    for (std::int64_t z = 0; z < size[0]; ++z)
        for (std::int64_t y = 0; y < size[1]; ++y)
            for (std::int64_t x = 0; x < size[2]; ++x) {
                if (!mask.row(z + 1, y + 1)[x + 1]) continue;
                const std::int64_t place[3] = {z, y, x};
                ++voxels;
                for (std::size_t i = 0; i < 3; ++i) {
                    sums[i] += place[i];
                    for (std::size_t j = 0; j < 3; ++j) products[3 * i + j] += place[i] * place[j];
                }
            }
    if (voxels == 0) throw std::invalid_argument("the region has no voxel");
    const double count = static_cast<double>(voxels);
    std::vector<double> covariance(9);
    for (std::size_t i = 0; i < 3; ++i)
        for (std::size_t j = 0; j < 3; ++j) {
            const std::int64_t spread = voxels * products[3 * i + j] - sums[i] * sums[j];
            covariance[3 * i + j] = static_cast<double>(spread) / count / count * spacing[i] * spacing[j];
        }
    const SymmetricEigenvalues eigenvalues(covariance, 3);
    std::array<double, 3> axes{};
    for (std::size_t axis = 3; axis-- > 0;) {
        axes[axis] = eigenvalues.at(axis);
        if (axes[axis] < ROUNDING * axes[2]) axes[axis] = 0;
    }
    const auto length = [&](std::size_t axis) { return 4 * std::sqrt(axes[axis]); };
    const auto ratio = [&](std::size_t axis) { return std::sqrt(axes[axis] / axes[2]); };
    const Surface found = surface(mask, spacing);
    const double values[] = {
        ratio(1), ratio(0), length(0), length(2), found.diameters[1], found.diameters[2], found.diameters[0], found.diameters[3], found.volume, length(1),
        std::cbrt(36 * 3.14159265358979323846 * found.volume * found.volume) / found.area, found.area,
        found.area / found.volume, count * spacing[0] * spacing[1] * spacing[2]};
    std::copy(std::begin(values), std::end(values), out);
}

}  // namespace engine
