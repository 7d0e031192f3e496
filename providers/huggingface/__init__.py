"""Hugging Face: the Hub, and what the GPUs that it shares say of a call."""
