"""One seed of two numbers, for the draws of a training step."""


def mixed(seed: int, counter: int) -> int:
    """One 63-bit seed of two numbers (splitmix64)."""
    x = (seed * 0x9E3779B97F4A7C15 + counter + 1) * 0x9E3779B97F4A7C15 & (2**64 - 1)
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9 & (2**64 - 1)
    x = (x ^ x >> 27) * 0x94D049BB133111EB & (2**64 - 1)
    return (x ^ x >> 31) >> 1
