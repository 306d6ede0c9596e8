// Masks of whole arrays (z, y, x): their growth, their connected components, and what is near them.
#pragma once

#include <cstdlib>
#include <numeric>

#include "rows.hpp"

namespace grids {

// Grows `mask` into voxels of `allowed` (all without it), by `steps` voxels at most (without a limit where negative):
// to the neighbours that share a face, or to all 26.
inline void grow(std::uint8_t* mask, const std::uint8_t* allowed, const Size& size, std::int64_t steps, bool diagonally) {
    enum State : std::uint8_t { FREE, TAKEN, CLOSED };
    // With a border of closed voxels, each voxel has all its neighbours.
    const std::int64_t wide = size[2] + 2, plane = (size[1] + 2) * wide;
    std::vector<State> state(static_cast<std::size_t>((size[0] + 2) * plane), CLOSED);
    std::vector<std::int64_t> around, front, next;
    for (int z = -1; z <= 1; ++z)
        for (int y = -1; y <= 1; ++y)
            for (int x = -1; x <= 1; ++x) {
                const int distance = std::abs(z) + std::abs(y) + std::abs(x);
                if (distance == 1 || (diagonally && distance > 1)) around.push_back(z * plane + y * wide + x);
            }
    const std::int64_t row = size[2];
    const auto place_of = [&](std::int64_t z, std::int64_t y) { return (z + 1) * plane + (y + 1) * wide + 1; };
    for (std::int64_t z = 0; z < size[0]; ++z)
        for (std::int64_t y = 0; y < size[1]; ++y) {
            const std::uint8_t *const taken = mask + (z * size[1] + y) * row, *const open = allowed ? allowed + (taken - mask) : nullptr;
            State* const __restrict here = state.data() + place_of(z, y);
            for (std::int64_t x = 0; x < row; ++x) here[x] = taken[x] ? TAKEN : open == nullptr || open[x] ? FREE : CLOSED;
        }
    // A large mask has few voxels that can grow: those with a free neighbour.
    std::vector<std::uint8_t> grows(static_cast<std::size_t>(row));
    for (std::int64_t z = 0; z < size[0]; ++z)
        for (std::int64_t y = 0; y < size[1]; ++y) {
            const State* const here = state.data() + place_of(z, y);
            std::uint8_t* const __restrict found = grows.data();
            std::uint8_t any = 0;
            for (std::int64_t x = 0; x < row; ++x) any |= found[x] = here[x] == TAKEN;
            if (any == 0) continue;
            std::fill(grows.begin(), grows.end(), std::uint8_t{0});
            for (const std::int64_t by : around)
                for (std::int64_t x = 0; x < row; ++x) found[x] |= here[x + by] == FREE;
            for (std::int64_t x = 0; x < row; ++x)
                if (found[x] && here[x] == TAKEN) front.push_back(place_of(z, y) + x);
        }
    for (std::int64_t step = 0; !front.empty() && step != steps; ++step) {
        next.clear();
        for (const std::int64_t place : front)
            for (const std::int64_t by : around) {
                State& other = state[static_cast<std::size_t>(place + by)];
                if (other != FREE) continue;
                other = TAKEN;
                next.push_back(place + by);
            }
        front.swap(next);
    }
    for (std::int64_t z = 0; z < size[0]; ++z)
        for (std::int64_t y = 0; y < size[1]; ++y) {
            const State* const here = state.data() + place_of(z, y);
            std::uint8_t* const __restrict grown = mask + (z * size[1] + y) * row;
            for (std::int64_t x = 0; x < row; ++x) grown[x] = here[x] == TAKEN;
        }
}

// The connected components of a mask by the runs along x that they are made of: of voxels that share a face, or diagonally.
class Components {
public:
    Components(const std::uint8_t* mask, const Size& size, bool diagonally) {
        const std::int64_t reach = diagonally ? 1 : 0;
        std::vector<std::size_t> begins{0};  // the number of the first run of each row, and of all runs
        for (std::int64_t row = 0; row < size[0] * size[1]; ++row) {
            add_runs(mask + row * size[2], size[2]);
            begins.push_back(runs_.size());
        }
        std::size_t row = 0;
        for (std::int64_t z = 0; z < size[0]; ++z)
            for (std::int64_t y = 0; y < size[1]; ++y, ++row) {
                if (begins[row] == begins[row + 1]) continue;
                const auto join_with = [&](std::int64_t back, std::int64_t by) {
                    if (z < back || y + by < 0 || y + by >= size[1]) return;
                    const auto other = static_cast<std::size_t>((z - back) * size[1] + y + by);
                    join(begins[row], begins[row + 1], begins[other], begins[other + 1], reach);
                };
                join_with(0, -1);
                join_with(1, 0);
                if (!diagonally) continue;
                join_with(1, -1);
                join_with(1, 1);
            }
    }

    // Writes the number of its component for each voxel of the mask, in their order; components are numbered in the order
    // of their first voxels.
    void number(std::int32_t* numbers) {
        std::vector<std::int32_t> known(runs_.size(), -1);
        std::int32_t next = 0;
        for (std::size_t run = 0; run < runs_.size(); ++run) {
            std::int32_t& own = known[root(run)];
            if (own < 0) own = next++;
            numbers = std::fill_n(numbers, runs_[run].width(), own);
        }
    }

private:
    void add_runs(const std::uint8_t* row, std::int64_t length) {
        for (std::int64_t x = 0; x < length; ++x) {
            if (row[x] == 0) continue;
            const std::int64_t first = x;
            while (x < length && row[x] != 0) ++x;
            parents_.push_back(runs_.size());
            runs_.push_back({first, x});
        }
    }

    // Joins the runs of two rows that touch.
    void join(std::size_t one, std::size_t end_one, std::size_t other, std::size_t end_other, std::int64_t reach) {
        while (one < end_one && other < end_other) {
            const Span &a = runs_[one], &b = runs_[other];
            if (a.first < b.end + reach && b.first < a.end + reach) {
                const std::size_t first = root(one), second = root(other);
                parents_[std::max(first, second)] = std::min(first, second);
            }
            ++(a.end < b.end ? one : other);
        }
    }

    std::size_t root(std::size_t run) {
        while (parents_[run] != run) run = parents_[run] = parents_[parents_[run]];
        return run;
    }

    std::vector<Span> runs_;
    std::vector<std::size_t> parents_;
};

// Adds to a mask the voxels that steps lead to from voxels at its border: those that share a face with a voxel of the array
// that is not in it.
inline void spread(std::uint8_t* mask, const Size& size, const std::vector<std::array<std::int64_t, 3>>& steps) {
    constexpr std::uint8_t OWN = 1, REACHED = 2, BEYOND = 4;
    std::int64_t margin = 1;
    for (const auto& step : steps)
        for (const std::int64_t along : step) margin = std::max(margin, std::abs(along));
    const std::int64_t wide = size[2] + 2 * margin, plane = (size[1] + 2 * margin) * wide, row = size[2];
    std::vector<std::uint8_t> state(static_cast<std::size_t>((size[0] + 2 * margin) * plane), BEYOND);
    std::vector<std::int64_t> moves;
    for (const auto& step : steps) moves.push_back(step[0] * plane + step[1] * wide + step[2]);
    const auto each_row = [&](const auto& visit) {
        for (std::int64_t z = 0; z < size[0]; ++z)
            for (std::int64_t y = 0; y < size[1]; ++y)
                visit(state.data() + (z + margin) * plane + (y + margin) * wide + margin, mask + (z * size[1] + y) * row);
    };
    each_row([&](std::uint8_t* here, const std::uint8_t* own) { std::copy(own, own + row, here); });
    std::vector<std::uint8_t> at_border(static_cast<std::size_t>(row));
    each_row([&](std::uint8_t* here, const std::uint8_t*) {
        std::uint8_t* const __restrict found = at_border.data();
        std::uint8_t any = 0;
        for (std::int64_t x = 0; x < row; ++x) {
            const bool is_open = !(here[x - 1] & ~REACHED) | !(here[x + 1] & ~REACHED) | !(here[x - wide] & ~REACHED) |
                                 !(here[x + wide] & ~REACHED) | !(here[x - plane] & ~REACHED) | !(here[x + plane] & ~REACHED);
            any |= found[x] = static_cast<std::uint8_t>((here[x] & OWN) & is_open);
        }
        if (any == 0) return;
        for (std::int64_t x = 0; x < row; ++x)
            if (found[x])
                for (const std::int64_t move : moves) here[x + move] |= REACHED;
    });
    each_row([&](const std::uint8_t* here, std::uint8_t* found) {
        for (std::int64_t x = 0; x < row; ++x) found[x] = (here[x] & (OWN | REACHED)) != 0;
    });
}

}  // namespace grids
