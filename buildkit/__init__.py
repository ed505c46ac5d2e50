"""Build and smoke-test a Mesos module for every Mesos release its users run."""

__version__ = "0.1.0"
