// Random headers for the compiled pass over them, under the compiler's sanitizers: `make sanitize`.
//
// Usage: headers SECONDS [HEADERS [SEED]]; ends after the first of both, and prints how many headers were read and refused.
// A sanitizer ends the program with its finding. Every second header is as the Standard says and has to be read whole; the
// others are damaged, and what is read of them has to lie inside the file.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <memory>
#include <random>
#include <string>

#include "header_walk.hpp"

namespace {

using Random = std::mt19937_64;
using Bytes = std::vector<std::uint8_t>;

constexpr headers::Limits LIMITS{32, 400'000, 64 << 20};

std::uint32_t below(Random& random, std::uint32_t end) { return std::uniform_int_distribution<std::uint32_t>(0, end - 1)(random); }

void put(Bytes& out, std::uint32_t value, int bytes) {
    for (int at = 0; at < bytes; ++at) out.push_back(static_cast<std::uint8_t>(value >> 8 * at));
}

void put_tag(Bytes& out, std::uint32_t tag) {
    put(out, tag >> 16, 2);
    put(out, tag, 2);
}

void put_head(Bytes& out, std::uint32_t tag, std::size_t vr, std::uint32_t length) {
    put_tag(out, tag);
    out.push_back(static_cast<std::uint8_t>(headers::VRS[vr].name[0]));
    out.push_back(static_cast<std::uint8_t>(headers::VRS[vr].name[1]));
    put(out, headers::VRS[vr].is_long ? 0 : length, 2);
    if (headers::VRS[vr].is_long) put(out, length, 4);
}

void put_item_head(Bytes& out, std::uint32_t tag, std::uint32_t length) {
    put_tag(out, tag);
    put(out, length, 4);
}

void put_element(Bytes& out, Random& random, std::uint32_t tag, int depth);

void append(Bytes& out, const Bytes& more) { out.insert(out.end(), more.begin(), more.end()); }

Bytes random_items(Random& random, int depth) {
    Bytes items;
    for (std::uint32_t left = below(random, 4); left > 0; --left) {
        Bytes item;
        for (std::uint32_t element = below(random, 4); element > 0; --element)
            put_element(item, random, below(random, 0x7FE00000), depth);
        const bool is_delimited = below(random, 2);
        put_item_head(items, headers::START_OF_ITEM, is_delimited ? headers::UNDEFINED : static_cast<std::uint32_t>(item.size()));
        append(items, item);
        if (is_delimited) put_item_head(items, headers::END_OF_ITEM, 0);
    }
    return items;
}

void put_element(Bytes& out, Random& random, std::uint32_t tag, int depth) {
    std::size_t vr = below(random, 5) ? below(random, headers::VRS.size()) : headers::SQ;
    if (vr == headers::UN && (tag >> 16) % 2 == 0) vr = headers::OB;
    if (vr == headers::SQ && depth == 0) vr = 0;
    if (vr != headers::SQ) {
        const std::uint32_t length = below(random, 20) ? below(random, 24) : below(random, 3000);
        put_head(out, tag, vr, length);
        for (std::uint32_t at = 0; at < length; ++at) out.push_back(static_cast<std::uint8_t>(below(random, 256)));
        return;
    }
    const Bytes items = random_items(random, depth - 1);
    const bool is_delimited = below(random, 2);
    put_head(out, tag, vr, is_delimited ? headers::UNDEFINED : static_cast<std::uint32_t>(items.size()));
    append(out, items);
    if (is_delimited) put_item_head(out, headers::END_OF_SEQUENCE, 0);
}

// Returns a file as the Standard says, and the tags of its elements between File Meta Information and Pixel Data.
std::pair<Bytes, std::vector<std::uint32_t>> random_file(Random& random) {
    Bytes file(headers::PREAMBLE), meta;
    put_head(meta, headers::TRANSFER_SYNTAX, headers::place_of("UI"), 20);
    for (const char letter : std::string("1.2.840.10008.1.2.1")) meta.push_back(static_cast<std::uint8_t>(letter));
    meta.push_back(0);
    for (const char letter : std::string("DICM")) file.push_back(static_cast<std::uint8_t>(letter));
    put_head(file, 0x00020000, headers::place_of("UL"), 4);
    put(file, static_cast<std::uint32_t>(meta.size()), 4);
    append(file, meta);
    std::vector<std::uint32_t> tags;
    for (std::uint32_t tag = 0x00030000 + below(random, 0x60000); tag < headers::FIRST_OF_PIXELS;
         tag += 1 + below(random, 1u << (8 + below(random, 23)))) {
        put_element(file, random, tag, 3);
        tags.push_back(tag);
    }
    put_head(file, headers::PIXEL_DATA, below(random, 2) ? headers::OW : headers::OB, 8);
    put(file, 0, 4);
    put(file, 0, 4);
    return {file, tags};
}

void damage(Bytes& file, Random& random) {
    static const std::vector<Bytes> PARTS = {
        {0xFF, 0xFF, 0xFF, 0xFF}, {0, 0, 0, 0},             {0xFE, 0xFF, 0, 0xE0}, {0xFE, 0xFF, 0x0D, 0xE0},
        {0xFE, 0xFF, 0xDD, 0xE0}, {0xE0, 0x7F, 0x10, 0x00}, {'S', 'Q'},            {'U', 'N'},
        {0xFE, 0xFF, 0xFF, 0xFF}, {'O', 'W', 0, 0},         {8, 0, 5, 0},          {2, 0, 0x10, 0},
    };
    for (std::uint32_t left = 1 + below(random, 3); left > 0 && file.size() > headers::PREAMBLE + 1; --left) {
        const std::uint32_t size = static_cast<std::uint32_t>(file.size());
        const std::uint32_t at = headers::PREAMBLE + below(random, size - headers::PREAMBLE);
        switch (below(random, 5)) {
            case 0: file[at] = static_cast<std::uint8_t>(below(random, 256)); break;
            case 1: file.erase(file.begin() + at); break;
            case 2: file.resize(at); break;
            case 3: {
                const Bytes& part = PARTS[below(random, static_cast<std::uint32_t>(PARTS.size()))];
                file.insert(file.begin() + at, part.begin(), part.end());
                break;
            }
            default: {
                const Bytes& part = PARTS[below(random, static_cast<std::uint32_t>(PARTS.size()))];
                for (std::size_t byte = 0; byte < part.size() && at + byte < size; ++byte) file[at + byte] = part[byte];
            }
        }
    }
}

void require(bool holds, const char* what) {
    if (holds) return;
    std::fprintf(stderr, "%s\n", what);
    std::abort();
}

void check_places(const headers::Header& header, std::size_t size) {
    std::size_t at = header.data_set;
    std::uint32_t last = 0;
    std::size_t open_sequences = 0;
    for (const headers::Element& element : header.elements) {
        require(element.tag > last, "the tags do not rise");
        require(element.value >= at + 8 && element.end >= element.value, "an element lies before the end of the last one");
        require(element.length == headers::UNDEFINED || element.end - element.value == element.length, "a length is not its value's");
        last = element.tag;
        at = element.end;
        open_sequences += element.length == headers::UNDEFINED;
    }
    require(header.data_set + header.bytes == at && header.pixel_data.value == at + 12, "Pixel Data is not behind the last element");
    require(header.pixel_data.value <= size, "an element lies beyond the file");
    require(header.open_sequences == open_sequences, "sequences of undefined length are miscounted");
}

}  // namespace

int main(int count, char** arguments) {
    const auto argument = [&](int number, long otherwise) {
        return number < count ? std::atol(arguments[number]) : otherwise;
    };
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(argument(1, 300));
    const long wanted = argument(2, std::numeric_limits<long>::max());
    Random random(static_cast<std::uint64_t>(argument(3, 1)));
    long read = 0, refused = 0;
    while (read + refused < wanted && std::chrono::steady_clock::now() < end) {
        auto [file, tags] = random_file(random);
        const bool is_damaged = (read + refused) % 2;
        if (is_damaged) damage(file, random);
        // Of its exact size: one byte too many is found.
        const std::unique_ptr<std::uint8_t[]> content(new std::uint8_t[file.size()]);
        std::copy(file.begin(), file.end(), content.get());
        const headers::Limits narrow{1 + below(random, 3), below(random, 20), below(random, 4000)};
        const headers::Limits limits = is_damaged && below(random, 2) ? narrow : LIMITS;
        try {
            const headers::Header header = headers::Walk(content.get(), file.size(), limits).run();
            check_places(header, file.size());
            require(header.bytes <= limits.header_bytes, "a header is longer than the limit");
            if (!is_damaged) require(header.elements.size() == tags.size(), "elements are missing");
            ++read;
        } catch (const headers::NotPlain&) {
            require(is_damaged, "a header as the Standard says was refused");
            ++refused;
        }
    }
    std::printf("%ld headers read, %ld refused\n", read, refused);
    return 0;
}
