"""``python -m dupimg``."""

import sys

from dupimg.cli.start import main

if __name__ == "__main__":
    sys.exit(main())
