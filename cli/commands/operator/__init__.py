"""Commands for the operator, on the machine of the service: they use its Redis, files and processes directly."""
