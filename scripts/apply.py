"""The same as `dupimg apply`, for those who run scripts from a checkout."""

import sys

from dupimg.cli.start import main

if __name__ == "__main__":
    sys.exit(main(["apply", *sys.argv[1:]]))
