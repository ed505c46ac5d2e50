"""Guards: conditionals on the Mesos release in a module's sources, and what is wrong with them.

:func:`buildkit.guards.check.check` finds both in a :class:`buildkit.cpp.reading.Reading`;
:mod:`buildkit.guards.fix` rewrites what it can prove. Pure.
"""
