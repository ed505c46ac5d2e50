"""Source archives of Mesos: the cache, the lock file with their digests, and getting them."""
