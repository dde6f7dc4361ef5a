"""Words to the track that a thing follows; the track itself is `trajectories`."""
