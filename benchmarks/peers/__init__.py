"""Adapters, one file a peer; each is loaded only when its peer is wanted."""
