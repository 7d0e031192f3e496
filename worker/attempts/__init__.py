"""One attempt of a job: claim it, run its driver, write its events, store its outputs."""
