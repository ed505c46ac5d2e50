"""SDKs from a Mesos that is installed already: below a prefix on this machine, or in an image.

Both kinds give the module Mesos's own headers as a packed SDK, so that they can be patched and the
compiler warns of hidden virtuals in them, and the smoke test the real libmesos.
"""
