"""Words to a clip: a cascade of diffusion models (Imagen Video), or a public checkpoint."""
