"""What all tests share: hypothesis measures no time, and signals are there to be sent."""

import signal

from hypothesis import settings

# A busy machine is no defect.
settings.register_profile("mesos-buildkit", deadline=None)
settings.load_profile("mesos-buildkit")

# A shell lets what it starts in the background ignore these, and children inherit that.
for _number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
    if signal.getsignal(_number) == signal.SIG_IGN:
        signal.signal(_number, signal.SIG_DFL)
