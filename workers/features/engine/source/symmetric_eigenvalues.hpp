// Eigenvalues of symmetric matrices, by number: reduction to tridiagonal form by Householder's reflections, then
// bisection with Sturm's count (Golub and Van Loan, Matrix Computations, sections 8.3.1 and 8.4.1).
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <vector>

#include "wide_vectors.hpp"

namespace engine {

constexpr double TINY = 1e-30;  // relative to the norm of a matrix

// Four sums side by side: in a fixed order, and without each addition waiting for the one before.
inline double dot(const double* a, const double* b, std::size_t count) {
    double sums[4] = {0, 0, 0, 0};
    std::size_t i = 0;
    for (; i + 4 <= count; i += 4)
        for (std::size_t k = 0; k < 4; ++k) sums[k] += a[i + k] * b[i + k];
    for (; i < count; ++i) sums[0] += a[i] * b[i];
    return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

class SymmetricEigenvalues {
public:
    // `matrix` is symmetric, n x n in row order.
    SymmetricEigenvalues(std::vector<double> matrix, std::size_t n) : diagonal_(n), below_squared_(n, 0.0) {
        reduce(matrix, n);
        for (std::size_t i = 0; i < n; ++i) {
            const double beside = std::sqrt(below_squared_[i]) + (i + 1 < n ? std::sqrt(below_squared_[i + 1]) : 0.0);
            low_ = std::min(low_, diagonal_[i] - beside);
            high_ = std::max(high_, diagonal_[i] + beside);
        }
        const double largest = std::max(std::fabs(low_), std::fabs(high_));
        smallest_pivot_ = std::max(largest * largest * 1e-300, std::numeric_limits<double>::min());
    }

    // The eigenvalue number `index`, counted from 0 and from the smallest.
    double at(std::size_t index) const {
        double low = low_, high = high_;
        while (true) {
            const double middle = low + (high - low) / 2;
            if (middle <= low || middle >= high) return middle;
            (count_below(middle) > index ? high : low) = middle;
            if (high - low <= std::numeric_limits<double>::epsilon() * std::max(std::fabs(low), std::fabs(high)))
                return low + (high - low) / 2;
        }
    }

private:
    WIDE_VECTORS void reduce(std::vector<double>& a, std::size_t n) {
        std::vector<double> v(n), p(n);
        double whole = 0;
        for (double value : a) whole += value * value;
        for (std::size_t k = 0; k < n; ++k) {
            diagonal_[k] = a[k * n + k];
            if (k + 1 == n) break;
            double* const column = &a[k * n];  // the row, which is the same
            const std::size_t first = k + 1, left = n - first;
            const double squared_norm = dot(column + first, column + first, left);
            if (k + 2 == n || squared_norm <= TINY * TINY * whole) {
                // The last one, or a column of rounding errors, whose reflection could overflow.
                below_squared_[k + 1] = k + 2 == n ? column[first] * column[first] : 0;
                continue;
            }
            const double norm = std::sqrt(squared_norm), alpha = column[first] > 0 ? -norm : norm;
            below_squared_[k + 1] = squared_norm;
            std::copy(column + first, column + n, v.begin());
            v[0] -= alpha;
            const double beta = 2 / dot(v.data(), v.data(), left);
            for (std::size_t i = 0; i < left; ++i) p[i] = beta * dot(&a[(first + i) * n + first], v.data(), left);
            const double shift = beta / 2 * dot(p.data(), v.data(), left);
            for (std::size_t i = 0; i < left; ++i) p[i] -= shift * v[i];
            for (std::size_t i = 0; i < left; ++i) {
                double* const row = &a[(first + i) * n + first];
                const double vi = v[i], pi = p[i];
                for (std::size_t j = 0; j < left; ++j) row[j] -= vi * p[j] + pi * v[j];
            }
        }
    }

    // How many eigenvalues are below x.
    std::size_t count_below(double x) const {
        std::size_t count = 0;
        double pivot = 1;
        for (std::size_t i = 0; i < diagonal_.size(); ++i) {
            pivot = diagonal_[i] - x - below_squared_[i] / pivot;
            if (std::fabs(pivot) < smallest_pivot_) pivot = -smallest_pivot_;
            count += pivot < 0;
        }
        return count;
    }

    std::vector<double> diagonal_, below_squared_;  // the square of the element below the one before
    double low_ = std::numeric_limits<double>::infinity(), high_ = -low_, smallest_pivot_ = 0;
};

}  // namespace engine
