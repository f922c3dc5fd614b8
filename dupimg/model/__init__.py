"""Embed photos: the registry of networks, the backends that compute them, and the embedder."""
