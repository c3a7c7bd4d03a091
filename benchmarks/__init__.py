"""Side-by-side measurements of gse_ref and its peers; see run.py."""
