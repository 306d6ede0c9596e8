// Grey level co-occurrence matrix (IBSI section 3.6; pyradiomics 3.0.1, glcm.py): P(i, j) is the share of pairs of
// neighbouring voxels with levels i and j, symmetric, one matrix a direction. A feature is the mean over directions.
#pragma once

#include "levels.hpp"
#include "symmetric_eigenvalues.hpp"

namespace engine {

constexpr std::array GLCM_NAMES{
    "Autocorrelation", "ClusterProminence", "ClusterShade", "ClusterTendency", "Contrast", "Correlation",
    "DifferenceAverage", "DifferenceEntropy", "DifferenceVariance", "Id", "Idm", "Idmn", "Idn", "Imc1", "Imc2",
    "InverseVariance", "JointAverage", "JointEnergy", "JointEntropy", "MCC", "MaximumProbability", "SumAverage",
    "SumEntropy", "SumSquares"};
constexpr std::size_t INVERSE_VARIANCE = 15, JOINT_AVERAGE = 16, MCC = 19;

// The maximal correlation coefficient: the root of the second largest eigenvalue of
// Q(i, j) = sum over k of P(i, k) P(j, k) / (p(i) p(k)). Q is similar to the square of the symmetric matrix
// B(i, j) = P(i, j) / sqrt(p(i) p(j)), whose eigenvalue of largest magnitude is 1. pyradiomics adds epsilon to p(i) p(k);
// added under the root, it changes the eigenvalues of B^2 equally to the first order, which counts for rare levels.
inline double maximal_correlation(const std::vector<double>& pairs, const std::vector<double>& marginal) {
    const std::size_t n = marginal.size();
    if (n < 2) return 1;
    std::vector<double> b(n * n);
    for (std::size_t i = 0; i < n; ++i)
        for (std::size_t j = 0; j <= i; ++j)
            if (const double share = pairs[i * n + j]; share != 0)
                b[i * n + j] = b[j * n + i] = share / std::sqrt(marginal[i] * marginal[j] + EPSILON);
    const SymmetricEigenvalues eigenvalues(std::move(b), n);
    return std::max(eigenvalues.at(n - 2), -eigenvalues.at(0));
}

// Counts of pairs of neighbours by the indices of their levels; 0 stands for outside of the region.
class PairCounts {
public:
    explicit PairCounts(std::size_t levels) : width_(levels + 1), even_(width_ * width_), odd_(width_ * width_) {}

    // Counts along a direction, and returns the number of pairs in the region.
    std::int64_t count(const Levels& levels, const Direction& direction) {
        std::fill(even_.begin(), even_.end(), 0);
        std::fill(odd_.begin(), odd_.end(), 0);
        const std::int64_t step = levels.step(direction);
        const auto& voxels = levels.voxels();
        // Into two tables, so that a count need not wait for the one before it.
        std::size_t i = 0;
        for (; i + 1 < voxels.size(); i += 2) {
            ++even_[levels.own()[i] * width_ + levels.at(voxels[i] + step)];
            ++odd_[levels.own()[i + 1] * width_ + levels.at(voxels[i + 1] + step)];
        }
        if (i < voxels.size()) ++even_[levels.own()[i] * width_ + levels.at(voxels[i] + step)];
        std::int64_t pairs = static_cast<std::int64_t>(voxels.size());
        for (std::size_t level = 1; level < width_; ++level) pairs -= even_[level * width_] + odd_[level * width_];
        return pairs;
    }

    // Pairs of the levels with the indices i and j from 0, in both orders.
    std::int64_t of(std::size_t i, std::size_t j) const {
        const std::size_t one = (i + 1) * width_ + j + 1, other = (j + 1) * width_ + i + 1;
        return std::int64_t{even_[one]} + odd_[one] + even_[other] + odd_[other];
    }

private:
    std::size_t width_;
    std::vector<std::int32_t> even_, odd_;
};

// From this share on, log2(p + EPSILON) = log2(p) + EPSILON / p * log2(e) to 1e-13.
constexpr double SMALL_SHARE = 1e-9, LOG2_E = 1.4426950408889634;

// log2(p + EPSILON) for shares p = count / total. Small counts are most of them, and their logarithms are taken once.
class ShareLogarithm {
public:
    ShareLogarithm() {
        for (std::size_t count = 1; count < LIMIT; ++count) of_count_[count] = std::log2(static_cast<double>(count));
    }
    double at(std::int64_t count, double total, double log_total) const {
        const double share = static_cast<double>(count) / total;
        if (count >= LIMIT || share < SMALL_SHARE) return std::log2(share + EPSILON);
        return of_count_[static_cast<std::size_t>(count)] - log_total + EPSILON / share * LOG2_E;
    }

private:
    static constexpr std::int64_t LIMIT = 512;
    std::array<double, LIMIT> of_count_{};
};

inline void glcm(const Levels& levels, double* out) {
    const std::vector<double>& used = levels.used();
    const std::size_t n = used.size();
    const std::int64_t highest = levels.highest();
    const double level_count = static_cast<double>(highest);
    std::array<DirectionMean, GLCM_NAMES.size()> means;
    double joint_average = 0;
    int filled = 0;
    PairCounts counts(n);
    std::vector<double> p(n * n), marginal(n), logs(n);
    std::vector<double> sums(static_cast<std::size_t>(2 * highest + 1)), differences(static_cast<std::size_t>(highest));
    const ShareLogarithm share_logarithm;
    for (const Direction& direction : levels.directions()) {
        const std::int64_t pairs = counts.count(levels, direction);
        if (pairs == 0) continue;  // a direction without pairs does not count
        ++filled;
        const double total = 2 * static_cast<double>(pairs), log_total = std::log2(total);
        std::fill(sums.begin(), sums.end(), 0.0);
        std::fill(differences.begin(), differences.end(), 0.0);
        std::fill(marginal.begin(), marginal.end(), 0.0);
        double entropy = 0, energy = 0, highest_share = 0, autocorrelation = 0;
        for (std::size_t i = 0; i < n; ++i)
            for (std::size_t j = 0; j <= i; ++j) {
                const std::int64_t count = counts.of(i, j);
                const double share = static_cast<double>(count) / total;
                p[i * n + j] = p[j * n + i] = share;
                if (count == 0) continue;
                const double both = i == j ? share : 2 * share;  // the share of (i, j) and (j, i)
                marginal[i] += share;
                if (i != j) marginal[j] += share;
                sums[static_cast<std::size_t>(used[i] + used[j])] += both;
                differences[static_cast<std::size_t>(used[i] - used[j])] += both;
                entropy -= both * share_logarithm.at(count, total, log_total);
                energy += both * share;
                highest_share = std::max(highest_share, share);
                autocorrelation += both * used[i] * used[j];
            }
        double mean = 0, marginal_entropy = 0, variance = 0;
        for (std::size_t i = 0; i < n; ++i) {
            mean += used[i] * marginal[i];
            marginal_entropy -= entropy_term(marginal[i]);
            logs[i] = marginal[i] == 0 ? 0 : std::log2(marginal[i]);
        }
        for (std::size_t i = 0; i < n; ++i) variance += marginal[i] * (used[i] - mean) * (used[i] - mean);
        double prominence = 0, shade = 0, tendency = 0, contrast = 0, covariance = 0, entropy_1 = 0, entropy_2 = 0;
        for (std::size_t i = 0; i < n; ++i)
            for (std::size_t j = 0; j <= i; ++j) {
                const double twice = i == j ? 1 : 2, expected = marginal[i] * marginal[j];
                if (expected == 0) continue;
                const double log_expected = expected < SMALL_SHARE ? std::log2(expected + EPSILON)
                                                                   : logs[i] + logs[j] + EPSILON / expected * LOG2_E;
                entropy_2 -= twice * expected * log_expected;
                const double share = twice * p[i * n + j];
                if (share == 0) continue;
                entropy_1 -= share * log_expected;
                const double a = used[i] - mean, b = used[j] - mean, away = a + b, square = away * away;
                tendency += share * square;
                shade += share * square * away;
                prominence += share * square * square;
                contrast += share * (a - b) * (a - b);
                covariance += share * a * b;
            }
        double sum_average = 0, sum_entropy = 0;
        for (std::size_t k = 2; k < sums.size(); ++k) {
            sum_average += static_cast<double>(k) * sums[k];
            sum_entropy -= entropy_term(sums[k]);
        }
        double difference_average = 0, difference_entropy = 0, id = 0, idm = 0, idmn = 0, idn = 0, inverse_variance = 0;
        for (std::size_t k = 0; k < differences.size(); ++k) {
            const double share = differences[k], d = static_cast<double>(k);
            difference_average += d * share;
            difference_entropy -= entropy_term(share);
            id += share / (1 + d);
            idm += share / (1 + d * d);
            idn += share / (1 + d / level_count);
            idmn += share / (1 + d * d / (level_count * level_count));
            if (k > 0) inverse_variance += share / (d * d);
        }
        double difference_variance = 0;
        for (std::size_t k = 0; k < differences.size(); ++k) {
            const double d = static_cast<double>(k) - difference_average;
            difference_variance += differences[k] * d * d;
        }
        const double spread = std::sqrt(variance) * std::sqrt(variance);
        const double imc_1 = marginal_entropy == 0 ? 0 : (entropy - entropy_1) / marginal_entropy;
        const double imc_2 = entropy_2 <= entropy ? 0 : std::sqrt(1 - std::exp(-2 * (entropy_2 - entropy)));
        joint_average += mean;
        const double values[] = {
            autocorrelation, prominence, shade, tendency, contrast,
            spread == 0 ? 1 : covariance / (spread + EPSILON),
            difference_average, difference_entropy, difference_variance, id, idm, idmn, idn, imc_1, imc_2,
            inverse_variance, 0, energy, entropy, maximal_correlation(p, marginal), highest_share, sum_average,
            sum_entropy, variance};
        for (std::size_t k = 0; k < means.size(); ++k) means[k].add(values[k]);
    }
    for (std::size_t k = 0; k < means.size(); ++k) out[k] = means[k].value();
    out[JOINT_AVERAGE] = filled == 0 ? NO_VALUE : joint_average / filled;
    if (filled == 0 && highest == 1) {
        // pyradiomics keeps a direction without pairs only where it is a single one. Two sums over nothing then are 0,
        // and without any direction, the coefficient of a flat region is.
        const bool is_single = levels.directions().size() == 1;
        out[INVERSE_VARIANCE] = is_single ? 0 : NO_VALUE;
        out[MCC] = is_single ? NO_VALUE : 1;
    }
}

}  // namespace engine
