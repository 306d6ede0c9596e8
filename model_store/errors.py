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


class ComputingError(StudyError):
    """The processes of a study, or the scheduler that has them, are gone. What was finished is kept."""


class LeakError(TrainingError):
    """Labels, or patients of the validation, are known to the training."""


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
"""What the readers of zip and NumPy files raise for content that is damaged, or that was made to deceive them.

Not MemoryError: sizes are checked before memory is allocated, so the machine lacks memory and the file may be sound.
"""
