"""The verb that opens the application: app."""

from __future__ import annotations

from collections.abc import Callable

from dupimg.app.app_server import AppServer
from dupimg.app.instance import only_instance, open_running
from dupimg.app.runs import Runs
from dupimg.errors import UsageError
from dupimg.options.tool_options import AppOptions
from dupimg.pages.app_address import publish_address, running_address, state_folder
from dupimg.pages.local_server import LocalServer

# Idle time: no page open, nothing running.
_SECONDS_TO_END = 600.0


def run_app(
    options: AppOptions,
    *,
    announce: Callable[[str], object] = print,
    seconds_to_end: float = _SECONDS_TO_END,
) -> None:
    """Serve the application until the user quits, or show one that already runs.

    Parameters
    ----------
    options : AppOptions
    announce : callable
        Receives the line with the address of the page.
    seconds_to_end : float, default=600
        The app ends after this long with no page open and nothing running.

    Raises
    ------
    UsageError
        The port is not free, or another app neither answers nor ends.
    """
    folder = state_folder()
    with only_instance(folder) as first:
        if not first:
            _open_first(running_address(folder), options, announce)
            return
        server, runs = LocalServer(options.port), Runs(folder / "runs")
        AppServer(server, runs)
        publish_address(folder, server.address)
        announce(f"app      {server.address}")
        server.serve(
            open_browser=options.browser,
            # A review counts as well: the user comes back from its page.
            busy=lambda: any(run.is_running for run in runs),
            grace_seconds=seconds_to_end,
            patience_seconds=seconds_to_end,
        )
        # Reached by the Quit button and by Ctrl-C.
        for run in runs.running:
            run.stop()
        for run in runs.running:
            run.wait_for_end()


def _open_first(address: str, options: AppOptions, announce: Callable[[str], object]) -> None:
    if not address or (options.browser and not open_running(address)):
        raise UsageError("dupimg app runs already, but does not answer. Try again in a moment.")
    announce(f"app      {address}")
