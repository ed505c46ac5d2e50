"""Asking many things at once, each for a bounded time, whatever they do."""

import subprocess
import threading
import time
from collections.abc import Callable, Mapping

from buildkit.doctor.facts import Fact, NoAnswer


def ask_all(probes: Mapping[str, Callable[[], Fact]], seconds: float) -> dict[str, Fact]:
    """Each probe's fact, in about ``seconds`` at most; :class:`NoAnswer` for one that takes longer.

    A probe that raises has no answer either. One that hangs is left behind in its thread, which
    does not keep the process from ending.
    """
    found: dict[str, Fact] = {}
    threads = []
    for name, probe in probes.items():

        def ask(name: str = name, probe: Callable[[], Fact] = probe) -> None:
            try:
                fact = probe()
            except subprocess.TimeoutExpired as error:
                program = error.cmd if isinstance(error.cmd, str) else error.cmd[0]
                fact = NoAnswer(why=f"{program}: no answer within {error.timeout:g} s")
            except Exception as error:  # noqa: BLE001  # a doctor tells of it, whatever it is
                fact = NoAnswer(why=f"{type(error).__name__}: {error}")
            found.setdefault(name, fact)

        thread = threading.Thread(target=ask, name=f"doctor-{name}", daemon=True)
        thread.start()
        threads.append(thread)
    deadline = time.monotonic() + seconds
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    late = NoAnswer(why=f"no answer within {seconds:g} s")
    return {name: found.setdefault(name, late) for name in probes}
