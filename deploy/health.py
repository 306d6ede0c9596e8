"""A container's health check: ``python -m deploy.health URL`` ends with 0 where the part is healthy."""

import sys
import urllib.request

TIMEOUT_SECONDS = 4.0


def main(url: str) -> int:
    """Return 0 where ``url`` answers with 200; print its answer otherwise."""
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT_SECONDS):  # noqa: S310 - the caller's own address
            return 0
    except urllib.error.HTTPError as error:
        sys.stdout.write(error.read().decode(errors="replace"))
    except OSError as error:
        sys.stdout.write(f"{url}: {error}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
