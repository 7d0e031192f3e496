"""The HTTP face: the native API, the pages, and what operators look at."""
