"""Steps: run on an engine in a job slot, logged, and kept."""
