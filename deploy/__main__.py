"""``python -m deploy`` is ``radtme``: how the stack starts its own parts with the interpreter that it runs in."""

from deploy.cli import main

if __name__ == "__main__":
    main()
