"""The scheduler: repairs what crashes leave, probes providers, delivers webhooks, removes orphaned files."""
