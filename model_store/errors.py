"""Errors of signatures, their registry and studies."""

import struct
import tokenize
import zipfile
import zlib


class SignatureError(Exception):
    """A signature cannot be trusted, found or built. The message names the file or column and what to do."""


class TrainingError(SignatureError):
    """A table of cases on which no valid signature can be trained."""


class StudyError(SignatureError):
    """Files or settings of a study that allow no valid analysis."""


class LeakError(TrainingError):
    """What is to be predicted, or who it is measured on, is known to the training already."""


UNREADABLE_ARCHIVE = (
    ArithmeticError,
    AttributeError,
    EOFError,
    LookupError,
    NotImplementedError,
    OSError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
    struct.error,
    tokenize.TokenError,
    zipfile.BadZipFile,
    zlib.error,
)
"""What the readers of zip and NumPy files raise on bytes that are none, or that someone has made to look like one.

Not MemoryError: sizes are compared before anything is allocated, so it is the machine's, and the file may be sound.
"""
