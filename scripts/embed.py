"""The same as `dupimg embed`, for those who run scripts from a checkout."""

import sys

from dupimg.cli.start import main

if __name__ == "__main__":
    sys.exit(main(["embed", *sys.argv[1:]]))
