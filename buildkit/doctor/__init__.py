"""Whether all that a build needs is there: facts are looked at, and judged apart from that."""
