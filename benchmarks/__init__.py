"""How fast Darkroom is, as ratios against floors and peers in one run: ``./run bench``.

A time of one machine says little, so every number here has its comparison from
the same minutes. What is compared, and the last results: docs/reference/benchmarks.md.
"""
