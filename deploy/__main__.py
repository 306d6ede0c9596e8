"""``python -m deploy`` is ``radtme``: the stack starts its parts this way, with its own interpreter."""

from deploy.start import main

if __name__ == "__main__":
    main()
