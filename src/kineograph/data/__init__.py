"""Named data sets: fetched by package name, checked by hash, decoded once into the user's cache."""
