"""The same as `dupimg fit_head`, for those who run scripts from a checkout."""

import sys

from dupimg.cli.start import main

if __name__ == "__main__":
    sys.exit(main(["fit_head", *sys.argv[1:]]))
