"""The same as `dupimg tune`, for those who run scripts from a checkout."""

import sys

from dupimg.cli.start import main

if __name__ == "__main__":
    sys.exit(main(["tune", *sys.argv[1:]]))
