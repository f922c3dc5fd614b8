"""The same as `dupimg add`, for those who run scripts from a checkout."""

import sys

from dupimg.cli.start import main

if __name__ == "__main__":
    sys.exit(main(["add", *sys.argv[1:]]))
