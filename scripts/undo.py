"""The same as `dupimg undo`, for those who run scripts from a checkout."""

import sys

from dupimg.cli.start import main

if __name__ == "__main__":
    sys.exit(main(["undo", *sys.argv[1:]]))
