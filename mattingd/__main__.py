"""`python -m mattingd`."""

from mattingd.cli import main

if __name__ == "__main__":
    main()
