"""A model made one's own: tuned to a pack, or trained from nothing on one."""
