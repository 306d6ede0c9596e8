"""The character sets of the Standard (PS3.3 section C.12.1.1.2) that pydicom reads wrongly or not at all.

By default it reads Latin alphabet No. 1 as No. 9, and leaves the escape sequences of GB 2312 in the text.
"""

from pydicom import charset

ESCAPE = b"\x1b"
LATIN_9 = "iso8859_15"
GB_2312 = "gb2312"
"""Not by its alias ``iso_ir_58``, of which pydicom believes that Python strips the escape sequences."""


def register_character_sets() -> None:
    """Add them to pydicom's tables, for the whole process."""
    charset.python_encoding.update(
        {"ISO_IR 203": LATIN_9, "ISO 2022 IR 203": LATIN_9, "ISO 2022 IR 58": GB_2312, "ISO 2022 58": GB_2312}
    )
    for sequence, encoding in ((ESCAPE + b"-b", LATIN_9), (ESCAPE + b"$)A", GB_2312)):
        charset.CODES_TO_ENCODINGS[sequence] = encoding
        charset.ENCODINGS_TO_CODES[encoding] = sequence
