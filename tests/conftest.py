"""What all tests share: hypothesis measures no time, because a busy machine is no defect."""

from hypothesis import settings

settings.register_profile("mesos-buildkit", deadline=None)
settings.load_profile("mesos-buildkit")
