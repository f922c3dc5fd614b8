"""The same as `dupimg status`, for those who run scripts from a checkout."""

import sys

from dupimg.cli.start import main

if __name__ == "__main__":
    sys.exit(main(["status", *sys.argv[1:]]))
