"""The Gradio protocol: pure parts, and one client that does the I/O."""
