"""The verb tune: find the right thresholds for a folder from the user's answers."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from dupimg.errors import UsageError
from dupimg.files.inputs import Inputs
from dupimg.files.sandbox import warm_up
from dupimg.messages import message
from dupimg.options.tool_options import TuneOptions
from dupimg.runs import preflight
from dupimg.tuning.report import Tuned, conclude
from dupimg.tuning.tuning_session import TuningSession


def tune(options: TuneOptions, *, say: Callable[[str], object] = print) -> Tuned:
    """Ask the user about pairs of photos, and judge the thresholds by the answers.

    Parameters
    ----------
    options : TuneOptions
    say : callable
        Prints a text.

    Returns
    -------
    Tuned
        The outcome, which is also written to the output folder.

    Raises
    ------
    UsageError
        Refused; nothing was written.
    """
    start = time.perf_counter()
    preflight.check_input(options.input_dir)
    inputs = Inputs.join([options.input_dir])
    found = preflight.find_input(options, [options.input_dir], inputs)

    warm_up()
    from dupimg.decide.embed import read_and_embed
    from dupimg.decide.evidence import Evidence
    from dupimg.tuning.tune_server import ask_in_browser

    with Evidence(options.cache, jobs=options.jobs, quiet=options.quiet) as evidence:
        _, embedded = read_and_embed(options, inputs, found, evidence)
    if len(embedded.features) < 2:
        folder, count = str(options.input_dir), len(embedded.features)
        told = message("refused.too_few_photos", folder=folder, count=count)
        raise UsageError(told, field="input_dir")
    session = TuningSession(embedded, options)
    options.output_dir.mkdir(parents=True, exist_ok=True)
    ask_in_browser(session, options, say)
    return replace(conclude(session, options), seconds=time.perf_counter() - start)
