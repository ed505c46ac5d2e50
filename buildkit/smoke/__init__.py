"""Smoke levels that need no container: the artifact's inspection, and reading the harness's report.

``inspect`` is Python over files (:mod:`buildkit.smoke.elf`, :mod:`buildkit.smoke.overrides`);
``load``, ``run`` and ``agent`` are the C++ program in ``harness/``, compiled per release, whose
report :mod:`buildkit.smoke.results` reads.
"""
