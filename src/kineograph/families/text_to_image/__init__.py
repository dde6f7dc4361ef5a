"""Words to a picture: by diffusion, or written in codes."""
