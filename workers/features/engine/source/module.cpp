// The Python module `workers.features.engine._engine`: arrays in, features out. It holds no state.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/array.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

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
#include "splines.hpp"

namespace nb = nanobind;

namespace {

using Image = nb::ndarray<const double, nb::ndim<3>, nb::c_contig, nb::device::cpu>;
using Mask = nb::ndarray<const std::uint8_t, nb::ndim<3>, nb::c_contig, nb::device::cpu>;
using Places = nb::ndarray<const std::int64_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;

template <typename Value>
using Changed = nb::ndarray<Value, nb::ndim<3>, nb::c_contig, nb::device::cpu>;

template <typename Value>
using Line = nb::ndarray<Value, nb::ndim<1>, nb::c_contig, nb::device::cpu>;

template <typename Array>
std::array<std::int64_t, 3> size_of(const Array& array) {
    return {static_cast<std::int64_t>(array.shape(0)), static_cast<std::int64_t>(array.shape(1)),
            static_cast<std::int64_t>(array.shape(2))};
}

template <typename Array, typename Other>
void require_one_shape(const Array& array, const Other& other) {
    if (size_of(array) != size_of(other)) throw std::invalid_argument("the arrays differ in shape");
}

template <std::size_t N>
void append(std::vector<std::string>& names, const char* feature_class, const std::array<const char*, N>& features) {
    for (const char* feature : features) names.push_back(std::string(feature_class) + "_" + feature);
}

std::vector<std::string> intensity_names() {
    std::vector<std::string> names;
    append(names, "firstorder", engine::FIRST_ORDER_NAMES);
    append(names, "glcm", engine::GLCM_NAMES);
    append(names, "gldm", engine::GLDM_NAMES);
    append(names, "glrlm", engine::GLRLM_NAMES);
    append(names, "glszm", engine::GLSZM_NAMES);
    append(names, "ngtdm", engine::NGTDM_NAMES);
    return names;
}

std::vector<std::string> shape_names() {
    std::vector<std::string> names;
    append(names, "shape", engine::SHAPE_NAMES);
    return names;
}

// `wanted` tells which classes are computed, in the order of their names; the others have no value.
std::vector<double> intensity(const Image& image, const Mask& mask, std::array<double, 3> spacing, double bin_width,
                              bool within_slices, std::array<bool, 6> wanted) {
    for (std::size_t axis = 0; axis < 3; ++axis)
        if (image.shape(axis) != mask.shape(axis)) throw std::invalid_argument("image and mask differ in shape");
    if (!(bin_width > 0)) throw std::invalid_argument("the bin width is not above 0");
    std::vector<double> values(intensity_names().size(), engine::NO_VALUE);
    nb::gil_scoped_release released;
    const engine::Levels levels(image.data(), mask.data(), size_of(mask), bin_width, within_slices);
    const auto [first_order, glcm, gldm, glrlm, glszm, ngtdm] = wanted;
    double* out = values.data();
    if (first_order) engine::first_order(levels, spacing[0] * spacing[1] * spacing[2], out);
    out += engine::FIRST_ORDER_NAMES.size();
    if (glcm) engine::glcm(levels, out);
    double* const at_gldm = out += engine::GLCM_NAMES.size();
    out += engine::GLDM_NAMES.size();
    if (glrlm) engine::glrlm(levels, out);
    out += engine::GLRLM_NAMES.size();
    if (glszm) engine::glszm(levels, out);
    out += engine::GLSZM_NAMES.size();
    if (gldm || ngtdm) {
        const engine::Neighbourhoods around = engine::neighbourhoods(levels);
        engine::gldm(levels, around.dependences, at_gldm);
        engine::ngtdm(levels, around.differences, out);
    }
    return values;
}

std::vector<double> shape(const Mask& mask, std::array<double, 3> spacing) {
    std::vector<double> values(engine::SHAPE_NAMES.size());
    nb::gil_scoped_release released;
    engine::shape(mask.data(), size_of(mask), spacing, values.data());
    return values;
}

double longest(const Mask& mask) {
    nb::gil_scoped_release released;
    return engine::longest(mask.data(), size_of(mask));
}

void require_inside(const Places& voxels, std::int64_t end) {
    const std::int64_t* const first = voxels.data();
    const bool are_inside = std::all_of(first, first + voxels.shape(0), [&](std::int64_t at) { return at >= 0 && at < end; });
    if (!are_inside) throw std::invalid_argument("a voxel is out of the array");
}

template <typename Array>
std::int64_t count_of(const Array& array) {
    return static_cast<std::int64_t>(array.size());
}

template <typename Value>
void smooth(const Changed<Value>& values, const std::vector<double>& weights, const std::optional<Mask>& wanted) {
    if (weights.empty()) throw std::invalid_argument("there are no weights");
    if (wanted) require_one_shape(values, *wanted);
    nb::gil_scoped_release released;
    grids::smooth(values.data(), size_of(values), weights, wanted ? wanted->data() : nullptr);
}

void brightest_at(const Image& values, std::int64_t reach, const Places& voxels, const Line<double>& found) {
    if (voxels.shape(0) != found.shape(0)) throw std::invalid_argument("voxels and results differ in number");
    require_inside(voxels, count_of(values));
    nb::gil_scoped_release released;
    grids::brightest_at(values.data(), size_of(values), voxels.data(), count_of(voxels), reach, found.data());
}

void raise(const Changed<double>& raised, const Image& values, const Places& voxels, std::int64_t reach) {
    require_one_shape(raised, values);
    require_inside(voxels, count_of(values));
    nb::gil_scoped_release released;
    grids::raise(raised.data(), values.data(), size_of(values), voxels.data(), count_of(voxels), reach);
}

void grow(const Changed<std::uint8_t>& mask, const std::optional<Mask>& allowed, std::int64_t steps, bool diagonally) {
    if (allowed) require_one_shape(mask, *allowed);
    nb::gil_scoped_release released;
    grids::grow(mask.data(), allowed ? allowed->data() : nullptr, size_of(mask), steps, diagonally);
}

void number_components(const Mask& mask, bool diagonally, const Line<std::int32_t>& numbers) {
    const std::int64_t all = count_of(mask);
    if (all - std::count(mask.data(), mask.data() + all, std::uint8_t{0}) != count_of(numbers))
        throw std::invalid_argument("voxels and numbers differ in number");
    nb::gil_scoped_release released;
    grids::Components(mask.data(), size_of(mask), diagonally).number(numbers.data());
}

void spread(const Changed<std::uint8_t>& mask, const std::vector<std::array<std::int64_t, 3>>& steps) {
    nb::gil_scoped_release released;
    grids::spread(mask.data(), size_of(mask), steps);
}

void squared_distances(const Mask& mask, const Changed<double>& squares, std::array<double, 3> spacing, double reach) {
    require_one_shape(mask, squares);
    for (const double step : spacing)
        if (!(step > 0)) throw std::invalid_argument("a spacing is not above 0");
    nb::gil_scoped_release released;
    grids::squared_distances(mask.data(), squares.data(), size_of(mask), spacing, reach);
}

void transform(const Image& values, std::array<double, 9> matrix, std::array<double, 3> offset, const Changed<double>& moved) {
    require_one_shape(values, moved);
    nb::gil_scoped_release released;
    grids::transform(values.data(), size_of(values), matrix, offset, moved.data());
}

void lower(const Line<double>& values, const Places& voxels, const Line<const double>& depths,
           const std::vector<std::int64_t>& steps, const std::vector<double>& reaches) {
    if (voxels.shape(0) != depths.shape(0) || steps.size() != reaches.size())
        throw std::invalid_argument("voxels and depths, or steps and reaches, differ in number");
    const std::int64_t count = static_cast<std::int64_t>(voxels.shape(0)), end = static_cast<std::int64_t>(values.shape(0));
    if (count == 0 || steps.empty()) return;
    const auto [first, last] = std::minmax_element(voxels.data(), voxels.data() + count);
    const auto [back, forth] = std::minmax_element(steps.begin(), steps.end());
    if (*first + *back < 0 || *last + *forth >= end) throw std::invalid_argument("a step leads out of the array");
    nb::gil_scoped_release released;
    grids::lower(values.data(), voxels.data(), depths.data(), count, steps, reaches);
}

void to_splines(const Changed<double>& values) {
    const auto [planes, lines, count] = size_of(values);
    if (count < 2) throw std::invalid_argument("a line has less than two samples");
    nb::gil_scoped_release released;
    for (std::int64_t line = 0; line < planes * lines; ++line) grids::to_spline(values.data() + line * count, count);
}

}  // namespace

NB_MODULE(_engine, module) {
    module.attr("SOURCES") = SOURCES;
    module.def("intensity_names", &intensity_names);
    module.def("shape_names", &shape_names);
    module.def("intensity", &intensity, nb::arg("image"), nb::arg("mask"), nb::arg("spacing"), nb::arg("bin_width"),
               nb::arg("within_slices"), nb::arg("wanted"));
    module.def("shape", &shape, nb::arg("mask"), nb::arg("spacing"));
    module.def("longest", &longest, nb::arg("mask"));
    module.def("smooth", &smooth<float>, nb::arg("values").noconvert(), nb::arg("weights"),
               nb::arg("wanted").none());
    module.def("smooth", &smooth<double>, nb::arg("values").noconvert(), nb::arg("weights"),
               nb::arg("wanted").none());
    module.def("to_splines", &to_splines, nb::arg("values").noconvert());
    module.def("brightest_at", &brightest_at, nb::arg("values"), nb::arg("reach"), nb::arg("voxels"),
               nb::arg("found").noconvert());
    module.def("raise_near", &raise, nb::arg("raised").noconvert(), nb::arg("values"), nb::arg("voxels"), nb::arg("reach"));
    module.def("grow", &grow, nb::arg("mask").noconvert(), nb::arg("allowed").none(), nb::arg("steps"),
               nb::arg("diagonally"));
    module.def("number_components", &number_components, nb::arg("mask"), nb::arg("diagonally"),
               nb::arg("numbers").noconvert());
    module.def("spread", &spread, nb::arg("mask").noconvert(), nb::arg("steps"));
    module.def("transform", &transform, nb::arg("values"), nb::arg("matrix"), nb::arg("offset"),
               nb::arg("moved").noconvert());
    module.def("lower", &lower, nb::arg("values").noconvert(), nb::arg("voxels"), nb::arg("depths"), nb::arg("steps"),
               nb::arg("reaches"));
    module.def("squared_distances", &squared_distances, nb::arg("mask"), nb::arg("squares").noconvert(),
               nb::arg("spacing"), nb::arg("reach"));
}
