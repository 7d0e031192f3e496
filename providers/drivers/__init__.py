"""One file, one provider. The file's name, with dashes, is the provider's name; its ``driver`` builds it."""
