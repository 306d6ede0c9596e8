"""A Person Name in every character set of the Standard, as bytes that no library of ours wrote.

The terms are those of PS3.3 section C.12.1.1.2; some of the names are the examples of PS3.5 annexes H to K.
"""

from dataclasses import dataclass

ESC = b"\x1b"


@dataclass(frozen=True)
class NameInCharacterSet:
    """What Specific Character Set says, the bytes of a name, and the name."""

    terms: tuple[str, ...]
    encoded: bytes
    name: str

    @property
    def label(self) -> str:
        """A readable name in the test's id."""
        return "+".join(term.replace(" ", "_") or "default" for term in self.terms)


SINGLE_BYTE = {
    "ISO_IR 100": (b"M\xfcller^J\xf6rg", "Müller^Jörg"),
    "ISO_IR 101": (b"\xa3ukasz^\xb6wi\xeaty", "Łukasz^święty"),
    "ISO_IR 109": (b"\xa6^\xf8u\xfd", "Ĥ^ĝuŭ"),
    "ISO_IR 110": (b"\xa9^\xb6\xbf", "Š^ļŋ"),
    "ISO_IR 144": (b"\xbb\xee\xda\xe1\xd5\xdc^\xb6\xef", "Люксем^Жя"),
    "ISO_IR 127": (b"\xe2\xc8\xc7\xe6\xea^\xe4\xe6\xd2\xc7\xd1", "قباني^لنزار"),
    "ISO_IR 126": (b"\xc4\xe9\xef\xed\xf5\xf3\xe9\xef\xf2", "Διονυσιος"),
    "ISO_IR 138": (b"\xf9\xf8\xe5\xef^\xe3\xe1\xe5\xf8\xe4", "שרון^דבורה"),
    "ISO_IR 148": (b"\xc7avu\xfeo\xf0lu^\xdd", "Çavuşoğlu^İ"),
    "ISO_IR 203": (b"B\xbduf^\xa8\xa4", "Bœuf^š€"),
    "ISO_IR 166": (b"\xca\xc1\xaa\xd2\xc2^\xb9\xd2\xa7", "สมชาย^นาง"),
}
"""Terms without code extensions: the upper half is that of an ISO 8859 part."""
EXTENSIONS = {
    "ISO_IR 100": b"-A", "ISO_IR 101": b"-B", "ISO_IR 109": b"-C", "ISO_IR 110": b"-D", "ISO_IR 144": b"-L",
    "ISO_IR 127": b"-G", "ISO_IR 126": b"-F", "ISO_IR 138": b"-H", "ISO_IR 148": b"-M", "ISO_IR 203": b"-b",
    "ISO_IR 166": b"-T",
}  # fmt: skip
"""The escape sequences that designate them as G1 (PS3.3 table C.12-3)."""


def _extended(term: str) -> NameInCharacterSet:
    """Return a name that switches to a character set in each of its components: ``^`` and ``=`` switch back."""
    encoded, name = SINGLE_BYTE[term]
    parts = b"^".join(ESC + EXTENSIONS[term] + part for part in encoded.split(b"^"))
    return NameInCharacterSet(("", term.replace("ISO_IR", "ISO 2022 IR")), b"Plain^Name=" + parts, f"Plain^Name={name}")


EXTENDED = (
    *(_extended(term) for term in SINGLE_BYTE),
    *(
        NameInCharacterSet((term.replace("ISO_IR", "ISO 2022 IR"), "ISO 2022 IR 87"), encoded, name)
        for term, (encoded, name) in SINGLE_BYTE.items()
    ),
)
"""The same with code extensions (PS3.3 table C.12-3)."""
NAMES = (
    NameInCharacterSet((), b"Doe^Jane", "Doe^Jane"),
    NameInCharacterSet(("ISO_IR 6",), b"Doe^Jane", "Doe^Jane"),
    NameInCharacterSet(("ISO 2022 IR 6",), b"Doe^Jane", "Doe^Jane"),
    *(NameInCharacterSet((term,), encoded, name) for term, (encoded, name) in SINGLE_BYTE.items()),
    NameInCharacterSet(("ISO_IR 13",), b"\xd4\xcf\xc0\xde^\xc0\xdb\xb3", "ﾔﾏﾀﾞ^ﾀﾛｳ"),
    NameInCharacterSet(
        ("", "ISO 2022 IR 13"), b"Yamada^Tarou=\x1b)I\xd4\xcf\xc0\xde^\x1b)I\xc0\xdb\xb3", "Yamada^Tarou=ﾔﾏﾀﾞ^ﾀﾛｳ"
    ),
    NameInCharacterSet(
        ("", "ISO 2022 IR 87"),
        b"Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B=\x1b$B$d$^$@\x1b(B^\x1b$B$?$m$&\x1b(B",
        "Yamada^Tarou=山田^太郎=やまだ^たろう",
    ),
    NameInCharacterSet(
        ("ISO 2022 IR 13", "ISO 2022 IR 87"),
        b"\xd4\xcf\xc0\xde^\xc0\xdb\xb3=\x1b$B;3ED\x1b(J^\x1b$BB@O:\x1b(J=\x1b$B$d$^$@\x1b(J^\x1b$B$?$m$&\x1b(J",
        "ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎=やまだ^たろう",
    ),
    NameInCharacterSet(
        ("", "ISO 2022 IR 87", "ISO 2022 IR 159"), b"A^B=\x1b$(D\x22\x2f\x1b(B^\x1b$B;3\x1b(B", "A^B=˘^山"
    ),
    NameInCharacterSet(("", "ISO 2022 IR 159"), b"A^B=\x1b$(D\x30\x21\x1b(B^C", "A^B=丂^C"),
    NameInCharacterSet(
        ("", "ISO 2022 IR 149"),
        b"Hong^Gildong=\x1b$)C\xfb\xf3^\x1b$)C\xd1\xce\xd4\xd7=\x1b$)C\xc8\xab^\x1b$)C\xb1\xe6\xb5\xbf",
        "Hong^Gildong=洪^吉洞=홍^길동",
    ),
    NameInCharacterSet(
        ("", "ISO 2022 IR 58"),
        b"Zhang^XiaoDong=\x1b$)A\xd5\xc5^\x1b$)A\xd0\xa1\xb6\xab",
        "Zhang^XiaoDong=张^小东",
    ),
    NameInCharacterSet(
        ("ISO_IR 192",),
        b"Wang^XiaoDong=\xe7\x8e\x8b^\xe5\xb0\x8f\xe6\x9d\xb1",
        "Wang^XiaoDong=王^小東",
    ),
    NameInCharacterSet(("GB18030",), b"Wang^XiaoDong=\xcd\xf5^\xd0\xa1\xb6\xab", "Wang^XiaoDong=王^小东"),
    NameInCharacterSet(("GB18030",), b"A^B=\x81\x39\xee\x39^\x95\x32\x82\x36", "A^B=㐀^𠀀"),
    NameInCharacterSet(("GBK",), b"Wang^XiaoDong=\xcd\xf5^\xd0\xa1\xb6\xab", "Wang^XiaoDong=王^小东"),
    # The second byte of these is that of a backslash, a circumflex and a vertical bar.
    NameInCharacterSet(("GBK",), b"A^B=\x81\x5c\x81\x5e\x81\x7c", "A^B=乗乛亅"),
    NameInCharacterSet(("GB18030",), b"A^B=\x81\x5c\x81\x5e", "A^B=乗乛"),
)
