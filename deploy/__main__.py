"""``python -m deploy`` is ``radtme``: the stack starts its parts this way, with its own interpreter."""

from deploy.cli import main

if __name__ == "__main__":
    main()
