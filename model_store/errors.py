"""What can be wrong with a signature or the registry that holds it."""


class SignatureError(Exception):
    """A signature cannot be trusted, found or built. The message names the file or column and says what to do."""


class TrainingError(SignatureError):
    """A table of cases that no honest signature can be trained on."""


class StudyError(SignatureError):
    """Files or settings of a study that no honest analysis can be made of."""
