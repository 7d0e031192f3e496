"""The components of Gradio 4.0 to 6.x: what goes into each, and what comes out. The table is in ``table.py``."""
