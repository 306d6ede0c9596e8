"""What a person has to know of the certificates that this installation shows."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from deploy.terminal import duration, path_from_here

EXPIRES_SOON_SECONDS = 14 * 86400.0
"""As in the alert RadtmeCertificateExpires."""


def certificate_problems(files: Mapping[str, Path]) -> Iterator[str]:
    """Yield a sentence for each certificate that has expired, soon will, or cannot be read; ``files`` by setting."""
    if not files:
        return
    from listener.tls.certificates import CredentialFileError  # only where there are certificates: slow to import
    from listener.tls.contexts import seconds_left

    for setting, file in files.items():
        try:
            left = seconds_left(file)
        except CredentialFileError as error:
            yield f"The certificate of {setting} cannot be used: {error}."
            continue
        name = f"The certificate of {setting} ({path_from_here(file)})"
        if left < 0:
            yield f"{name} expired {duration(-left)} ago: peers that check it refuse connections; renew it."
        elif left < EXPIRES_SOON_SECONDS:
            yield f"{name} expires in {duration(left)}; renew it."
