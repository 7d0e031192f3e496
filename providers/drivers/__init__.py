"""One file for each provider. The file's name, with dashes, is the provider's name; ``driver`` builds it."""
