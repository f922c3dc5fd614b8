"""The same as `dupimg app`, for those who run scripts from a checkout."""

import sys

from dupimg.cli.start import main

if __name__ == "__main__":
    sys.exit(main(["app", *sys.argv[1:]]))
