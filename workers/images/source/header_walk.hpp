// One pass over the bytes of a header in Explicit VR Little Endian, up to Pixel Data (PS3.5 section 7.1, PS3.10 section 7.1).
// It keeps where each element lies and reads nothing beyond the bytes that it is given. Without Python: tests/fuzz runs it
// under the compiler's sanitizers.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

namespace headers {

struct Vr {
    char name[3];
    bool is_long;  // its length has four bytes
};

inline constexpr std::array<Vr, 34> VRS = {{
    {"AE", false}, {"AS", false}, {"AT", false}, {"CS", false}, {"DA", false}, {"DS", false}, {"DT", false},
    {"FD", false}, {"FL", false}, {"IS", false}, {"LO", false}, {"LT", false}, {"PN", false}, {"SH", false},
    {"SL", false}, {"SS", false}, {"ST", false}, {"TM", false}, {"UI", false}, {"UL", false}, {"US", false},
    {"OB", true},  {"OD", true},  {"OF", true},  {"OL", true},  {"OV", true},  {"OW", true},  {"SQ", true},
    {"SV", true},  {"UC", true},  {"UN", true},  {"UR", true},  {"UT", true},  {"UV", true},
}};

inline constexpr std::size_t LETTERS = 26;

// The place of each pair of letters in VRS, or the size of VRS.
inline constexpr std::array<std::uint8_t, LETTERS * LETTERS> PLACES = [] {
    std::array<std::uint8_t, LETTERS * LETTERS> places{};
    for (auto& place : places) place = VRS.size();
    for (std::size_t at = 0; at < VRS.size(); ++at)
        places[static_cast<std::size_t>(VRS[at].name[0] - 'A') * LETTERS + static_cast<std::size_t>(VRS[at].name[1] - 'A')] =
            static_cast<std::uint8_t>(at);
    return places;
}();

constexpr std::size_t place_of(const char (&name)[3]) {
    return PLACES[static_cast<std::size_t>(name[0] - 'A') * LETTERS + static_cast<std::size_t>(name[1] - 'A')];
}

inline constexpr std::size_t SQ = place_of("SQ"), UN = place_of("UN"), OB = place_of("OB"), OW = place_of("OW");
inline constexpr std::uint32_t TRANSFER_SYNTAX = 0x00020010, FIRST_OF_PIXELS = 0x7FE00000, PIXEL_DATA = 0x7FE00010;
inline constexpr std::uint32_t START_OF_ITEM = 0xFFFEE000, END_OF_ITEM = 0xFFFEE00D, END_OF_SEQUENCE = 0xFFFEE0DD;
inline constexpr std::uint32_t UNDEFINED = 0xFFFFFFFF;
inline constexpr std::size_t PREAMBLE = 128;

struct Limits {
    std::size_t sequence_depth, sequence_items, header_bytes;
};

struct Element {
    std::uint32_t tag;
    std::uint32_t length;  // as it declares it
    std::size_t vr;        // place in VRS
    std::size_t value, end;
};

struct Header {
    std::vector<Element> elements;  // from group 4 on, in ascending order, without Pixel Data
    Element transfer_syntax, pixel_data;
    std::size_t data_set;  // where it begins
    std::size_t bytes;     // between File Meta Information and Pixel Data
    std::size_t open_sequences = 0;  // of undefined length, outside of items
};

struct NotPlain {};  // The full check has to look at this file.

class Walk {
public:
    Walk(const std::uint8_t* bytes, std::size_t size, const Limits& limits) : bytes_(bytes), size_(size), limits_(limits) {}

    // Throws NotPlain.
    Header run() {
        Header header{};
        file_meta(header);
        data_set(header);
        return header;
    }

private:
    // An open sequence or item: where it ends, or what it must not leave where a delimiter says so.
    struct Level {
        bool is_sequence, is_delimited;
        std::size_t end;
    };

    void file_meta(Header& header) {
        static constexpr std::uint8_t HEAD[] = {'D', 'I', 'C', 'M', 2, 0, 0, 0, 'U', 'L', 4, 0};
        std::size_t at = PREAMBLE;
        require(at, sizeof HEAD + 4, size_);
        if (std::memcmp(bytes_ + at, HEAD, sizeof HEAD) != 0) throw NotPlain{};
        at += sizeof HEAD + 4;
        const std::uint32_t length = four(at - 4);
        require(at, length, size_);
        header.data_set = at + length;
        std::uint32_t last = 0x00020000;
        while (at < header.data_set) {
            const Element element = element_at(at, header.data_set);
            if (element.tag <= last || element.tag >> 16 != 2 || is_sequence(element)) throw NotPlain{};
            at = after(element, header.data_set);
            if (element.tag == TRANSFER_SYNTAX) header.transfer_syntax = element;
            last = element.tag;
        }
        if (!header.transfer_syntax.tag) throw NotPlain{};
    }

    void data_set(Header& header) {
        header.elements.reserve(128);
        std::size_t at = header.data_set;
        std::uint32_t last = 0x0002FFFF;
        while (true) {
            Element element = element_at(at, size_);
            if (element.tag == PIXEL_DATA) {
                header.pixel_data = element;
                break;
            }
            if (element.tag <= last || element.tag >= FIRST_OF_PIXELS) throw NotPlain{};
            last = element.tag;
            at = element.end = is_sequence(element) ? after_items(element) : after(element, size_);
            header.elements.push_back(element);
            header.open_sequences += element.length == UNDEFINED;
        }
        header.bytes = at - header.data_set;
        const std::size_t vr = header.pixel_data.vr;
        if ((vr != OB && vr != OW) || header.bytes > limits_.header_bytes) throw NotPlain{};
    }

    // Passes over all items of a sequence, and of those inside them; returns where it ends.
    std::size_t after_items(const Element& sequence) {
        std::size_t at = sequence.value;
        levels_.clear();
        open(sequence, size_);
        while (!levels_.empty()) {
            const Level level = levels_.back();
            if (!level.is_delimited && at == level.end) {
                close();
                continue;
            }
            require(at, 8, level.end);
            const std::uint32_t tag = tag_at(at), length = four(at + 4);
            if (level.is_delimited && !length && tag == (level.is_sequence ? END_OF_SEQUENCE : END_OF_ITEM)) {
                at += 8;
                close();
            } else if (level.is_sequence) {
                at += 8;
                if (tag != START_OF_ITEM || ++items_ > limits_.sequence_items) throw NotPlain{};
                push(false, at, length, level.end);
            } else {
                const Element element = element_at(at, level.end);
                if (tag >> 16 == START_OF_ITEM >> 16) throw NotPlain{};
                at = is_sequence(element) ? element.value : after(element, level.end);
                if (is_sequence(element)) open(element, level.end);
            }
        }
        return at;
    }

    void open(const Element& sequence, std::size_t limit) {
        if (++depth_ > limits_.sequence_depth) throw NotPlain{};
        push(true, sequence.value, sequence.length, limit);
    }

    void push(bool sequence, std::size_t at, std::uint32_t length, std::size_t limit) {
        const bool is_delimited = length == UNDEFINED;
        if (!is_delimited) require(at, length, limit);
        levels_.push_back({sequence, is_delimited, is_delimited ? limit : at + length});
    }

    void close() {
        depth_ -= levels_.back().is_sequence;
        levels_.pop_back();
    }

    // Reads the head of an element; it, but not its value, lies before `limit`.
    Element element_at(std::size_t at, std::size_t limit) const {
        require(at, 8, limit);
        Element element{tag_at(at), 0, vr_at(at + 4), at + 8, 0};
        element.length = static_cast<std::uint32_t>(bytes_[at + 6] | bytes_[at + 7] << 8);
        if (VRS[element.vr].is_long) {
            require(at, 12, limit);
            element.length = four(at + 8);
            element.value += 4;
            // The VR of a known element is that of the dictionary: perhaps it is a sequence.
            if (element.vr == UN && (element.tag >> 16) % 2 == 0) throw NotPlain{};
        }
        return element;
    }

    static std::size_t after(const Element& element, std::size_t limit) {
        if (element.length == UNDEFINED) throw NotPlain{};
        require(element.value, element.length, limit);
        return element.value + element.length;
    }

    static void require(std::size_t at, std::size_t length, std::size_t limit) {
        if (at > limit || length > limit - at) throw NotPlain{};
    }

    static bool is_sequence(const Element& element) { return element.vr == SQ; }

    std::size_t vr_at(std::size_t at) const {
        const std::size_t first = bytes_[at] - std::size_t{'A'}, second = bytes_[at + 1] - std::size_t{'A'};
        if (first >= LETTERS || second >= LETTERS) throw NotPlain{};
        const std::size_t place = PLACES[first * LETTERS + second];
        if (place == VRS.size()) throw NotPlain{};
        return place;
    }

    std::uint32_t tag_at(std::size_t at) const {
        return static_cast<std::uint32_t>(bytes_[at + 1]) << 24 | static_cast<std::uint32_t>(bytes_[at]) << 16 |
               static_cast<std::uint32_t>(bytes_[at + 3]) << 8 | bytes_[at + 2];
    }

    std::uint32_t four(std::size_t at) const {
        return bytes_[at] | static_cast<std::uint32_t>(bytes_[at + 1]) << 8 | static_cast<std::uint32_t>(bytes_[at + 2]) << 16 |
               static_cast<std::uint32_t>(bytes_[at + 3]) << 24;
    }

    const std::uint8_t* bytes_;
    std::size_t size_;
    Limits limits_;
    std::vector<Level> levels_;
    std::size_t depth_ = 0, items_ = 0;
};

}  // namespace headers
