"""Measure the stages of a run, or searches of vectors; --help lists the options."""

from __future__ import annotations

import sys

from benchmarks.options import BenchmarkOptions

from dupimg.cli.commands import Command
from dupimg.cli.main import main, say


def run(options: BenchmarkOptions) -> int:
    """Measure, and print the table."""
    from benchmarks.table import table_text

    if options.what == "stages":
        from benchmarks.stages import benchmark_stages

        say(table_text(benchmark_stages(options)))
    elif options.what == "embedding":
        from benchmarks.embedding import benchmark_embedding

        say(table_text(benchmark_embedding(options)))
    elif options.what == "folders":
        from benchmarks.folders import benchmark_folders

        say(benchmark_folders(options).to_string(index=False, float_format="{:.2f}".format))
    elif options.stretch is None:
        from benchmarks.search import benchmark_search

        say(table_text(benchmark_search(options)))
    else:
        from benchmarks.stretch import benchmark_stretch

        say(benchmark_stretch(options).to_string(index=False, float_format="{:.2f}".format))
    return 0


COMMAND = Command("python scripts/benchmark.py", BenchmarkOptions, run)

if __name__ == "__main__":
    sys.exit(main(command=COMMAND))
