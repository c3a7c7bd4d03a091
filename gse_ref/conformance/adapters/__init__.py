"""Adapters that come along: the project's own backends, a second opinion, and peers; each loaded when wanted."""
