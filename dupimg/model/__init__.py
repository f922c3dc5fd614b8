"""Look at photos: the registry of networks, what computes them, and the embedder."""
