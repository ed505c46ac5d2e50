"""What a CI system is told: a matrix of jobs, cache keys, annotations, a step's summary."""
