"""What an operator does with a library: modules JSON, agent flags, Marathon applications.

Pure but for :mod:`buildkit.deploy.client`, which talks to a Marathon.
"""
