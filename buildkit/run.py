"""Running a plan: all targets in parallel, bounded, until done or stopped."""

import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from types import FrameType

from buildkit.outcome import Outcome, Status
from buildkit.plan import Target

RunTarget = Callable[[Target], Outcome]
Done = Callable[[Outcome], None]
"""Told of each target as it ends, from the thread that called :func:`run_targets`."""


def run_targets(  # noqa: PLR0913
    targets: tuple[Target, ...],
    run: RunTarget,
    *,
    jobs: int,
    done: Done,
    cancelled: threading.Event,
    fail_fast: bool = False,
) -> list[Outcome]:
    """Run every target, ``jobs`` at a time; outcomes in the targets' order.

    One target's failure does not concern the others, unless ``fail_fast``. Raises the
    :class:`BuildkitError` that a target raised, after the others have been stopped: it means that
    none could go on.
    """
    outcomes: dict[str, Outcome] = {}
    broken: BaseException | None = None
    with ThreadPoolExecutor(max_workers=jobs, thread_name_prefix="target") as pool:

        def run_one(target: Target) -> Outcome:
            if cancelled.is_set():
                return Outcome(target=target, status=Status.CANCELLED, cause=("not started",))
            outcome = run(target)
            if fail_fast and not outcome.good:
                cancelled.set()
            return outcome

        waiting: set[Future[Outcome]] = {pool.submit(run_one, target) for target in targets}
        try:
            while waiting:
                # With a timeout, because a signal is handled only between waits.
                ended, waiting = wait(waiting, timeout=0.2, return_when=FIRST_COMPLETED)
                for future in ended:
                    error = future.exception()
                    if error is not None:
                        broken = broken or error
                        cancelled.set()
                        continue
                    outcome = future.result()
                    outcomes[outcome.target.name] = outcome
                    done(outcome)
        except BaseException:
            # Leaving the pool waits for its threads, so they must know that it is over.
            cancelled.set()
            raise
    if broken is not None:
        raise broken
    return [outcomes[target.name] for target in targets]


@contextmanager
def stop_on_signals(cancelled: threading.Event) -> Iterator[threading.Event]:
    """Turn the first SIGINT, SIGTERM or SIGHUP into ``cancelled``; a second one ends at once.

    The event that is given is set by a signal alone, so it tells an interruption from a run that
    ended for another reason. The runner above us may give only two seconds between its signal and
    SIGKILL.
    """
    interrupted = threading.Event()

    def handle(_: int, __: FrameType | None) -> None:
        if interrupted.is_set():
            raise KeyboardInterrupt
        interrupted.set()
        cancelled.set()

    with _handled(handle):
        yield interrupted


@contextmanager
def signals_as_interrupt() -> Iterator[None]:
    """Let SIGTERM and SIGHUP raise KeyboardInterrupt, as SIGINT does, while no thread works.

    By themselves they would end the process, and leave behind the ones it has started.
    """
    with _handled(signal.default_int_handler):
        yield


@contextmanager
def _handled(handle: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    # What the caller has ignored, as nohup does, stays ignored.
    numbers = [
        number
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        if signal.getsignal(number) != signal.SIG_IGN
    ]
    before = {number: signal.signal(number, handle) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
