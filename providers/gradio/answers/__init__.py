"""What comes back from an app: files, texts, the seed, and how a result is found again."""
