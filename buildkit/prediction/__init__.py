"""What will come of a plan before anything is compiled, and who stands for whom.

Pure but for reading sources.
"""
