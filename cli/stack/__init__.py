"""The service as processes of this machine: Redis, web, worker, scheduler and Flower under one supervisor."""
