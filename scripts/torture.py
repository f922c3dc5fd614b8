"""Kill `dupimg apply`, `add`, `trash` and `undo` at random moments, and look for every file."""

import argparse
import sys
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1] / folder) for folder in ("tests", ".")]

from kills import table, torture  # noqa: E402 - found through the line above


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=300, help="kills in all (default: 300)")
    parser.add_argument("--seed", type=int, default=0, help="of what is random (default: 0)")
    options = parser.parse_args()
    start = time.perf_counter()
    print(table(torture(options.runs, options.seed)))
    print(f"nothing was lost in {options.runs} kills, {time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
