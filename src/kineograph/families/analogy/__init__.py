"""A is to A2 as B is to what? By patches that are copied, and by a learned matcher."""
