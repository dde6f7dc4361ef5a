"""Published checkpoints in the diffusers layout, under our loop: I2VGen-XL, Wan."""
