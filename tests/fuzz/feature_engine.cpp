// Random regions for the compiled feature engine, under the compiler's sanitizers: `make sanitize`.
//
// Usage: feature_engine SECONDS [REGIONS [SEED]]; ends after the first of both, and prints how many regions were measured.
// A sanitizer ends the program with its finding.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <random>

#include "brightness.hpp"
#include "first_order.hpp"
#include "glcm.hpp"
#include "gldm.hpp"
#include "glrlm.hpp"
#include "glszm.hpp"
#include "grids.hpp"
#include "masks.hpp"
#include "neighbourhoods.hpp"
#include "ngtdm.hpp"
#include "shape.hpp"
#include "smoothing.hpp"

namespace {

using Random = std::mt19937_64;

std::int64_t below(Random& random, std::int64_t end) {
    return std::uniform_int_distribution<std::int64_t>(0, end - 1)(random);
}

double between(Random& random, double low, double high) {
    return std::uniform_real_distribution<double>(low, high)(random);
}

struct Region {
    std::array<std::int64_t, 3> size;
    std::vector<std::uint8_t> mask;
    std::vector<double> image;
    std::array<double, 3> spacing;
    double bin_width;
    bool within_slices;
};

// A value of one of several textures; some are no number, or far beyond any grey value.
double value(Random& random, std::int64_t texture, double bin_width) {
    if (texture == 0) return 17.0;
    if (texture == 1) return bin_width * static_cast<double>(below(random, 9) - 4);
    if (texture == 2) return between(random, -1e300, 1e300);
    if (texture == 3 && below(random, 50) == 0) return std::numeric_limits<double>::quiet_NaN();
    if (texture == 4 && below(random, 50) == 0) return std::numeric_limits<double>::infinity();
    if (texture == 5) return between(random, -1e-300, 1e-300);
    return std::normal_distribution<double>(0.0, bin_width * 8)(random);
}

Region random_region(Random& random) {
    Region region;
    const std::int64_t largest = below(random, 20) ? 9 : 30;
    std::int64_t voxels = 1;
    for (auto& size : region.size) voxels *= size = 1 + below(random, largest);
    for (auto& step : region.spacing) step = between(random, 0.2, 4.0);
    region.bin_width = below(random, 10) ? 25.0 : std::pow(10.0, between(random, -12, 12));
    region.within_slices = below(random, 2);
    const double share = below(random, 3) ? between(random, 0.0, 1.0) : 1.0;
    const std::int64_t texture = below(random, 12);
    for (std::int64_t i = 0; i < voxels; ++i) {
        region.mask.push_back(between(random, 0.0, 1.0) < share);
        region.image.push_back(value(random, texture, region.bin_width));
    }
    return region;
}

template <std::size_t N>
std::vector<double> room(const std::array<const char*, N>& names) {
    return std::vector<double>(names.size());  // each on its own: one value too many is found
}

__attribute__((noinline)) void measure(const Region& region) {
    const auto& [z, y, x] = region.spacing;
    const engine::Levels levels(region.image.data(), region.mask.data(), region.size, region.bin_width,
                                region.within_slices);
    engine::first_order(levels, z * y * x, room(engine::FIRST_ORDER_NAMES).data());
    engine::glcm(levels, room(engine::GLCM_NAMES).data());
    engine::glrlm(levels, room(engine::GLRLM_NAMES).data());
    engine::glszm(levels, room(engine::GLSZM_NAMES).data());
    const engine::Neighbourhoods around = engine::neighbourhoods(levels);
    engine::gldm(levels, around.dependences, room(engine::GLDM_NAMES).data());
    engine::ngtdm(levels, around.differences, room(engine::NGTDM_NAMES).data());
    engine::shape(region.mask.data(), region.size, region.spacing, room(engine::SHAPE_NAMES).data());
}

// What finds air, vessels and the ring, on the arrays of a region.
void filter(const Region& region) {
    std::vector<float> single(region.image.begin(), region.image.end());
    std::vector<double> image = region.image;
    grids::smooth(single.data(), region.size, {0.5, 0.2, 0.05}, region.mask.data());
    grids::smooth(image.data(), region.size, std::vector<double>(region.mask.size() % 40 + 1, 0.1), nullptr);
    if (engine::longest(region.mask.data(), region.size) < 0) std::abort();
    std::vector<std::int64_t> voxels;
    for (std::size_t at = 0; at < region.mask.size(); ++at)
        if (region.mask[at]) voxels.push_back(static_cast<std::int64_t>(at));
    const auto count = static_cast<std::int64_t>(voxels.size()), reach = static_cast<std::int64_t>(region.mask.size() % 7);
    std::vector<double> found(voxels.size()), raised(image.size());
    std::vector<std::int32_t> numbers(voxels.size());
    grids::Components(region.mask.data(), region.size, region.within_slices).number(numbers.data());
    for (const std::int32_t number : numbers)
        if (number < 0 || number >= count) std::abort();
    grids::brightest_at(image.data(), region.size, voxels.data(), count, reach, found.data());
    grids::raise(raised.data(), image.data(), region.size, voxels.data(), count, reach);
    std::vector<std::uint8_t> allowed(region.mask.size()), grown = region.mask;
    for (std::size_t at = 0; at < allowed.size(); ++at) allowed[at] = at % 3 != 0;
    grids::grow(grown.data(), allowed.data(), region.size, -1, region.within_slices);
    grids::grow(grown.data(), nullptr, region.size, 2, region.within_slices);
    grids::spread(grown.data(), region.size, {{0, 0, reach}, {-reach, 1, 0}, {reach / 2, -reach, -1}});
    std::vector<double> moved(image.size());
    grids::transform(image.data(), region.size, {1.1, 0.2, 0, -0.2, 0.9, 0, 0, 0.3, 1}, {5, -3, 0.5}, moved.data());
    grids::squared_distances(region.mask.data(), image.data(), region.size, region.spacing, region.bin_width);
}

}  // namespace

int main(int count, char** arguments) {
    const auto argument = [&](int number, long otherwise) {
        return number < count ? std::atol(arguments[number]) : otherwise;
    };
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(argument(1, 300));
    const long regions = argument(2, std::numeric_limits<long>::max());
    Random random(static_cast<std::uint64_t>(argument(3, 1)));
    long measured = 0, refused = 0;
    while (measured + refused < regions && std::chrono::steady_clock::now() < end) {
        try {
            const Region region = random_region(random);
            filter(region);
            measure(region);
            ++measured;
        } catch (const std::exception&) {  // empty, no number, too many grey levels
            ++refused;
        }
    }
    std::printf("%ld regions measured, %ld refused\n", measured, refused);
    return 0;
}
