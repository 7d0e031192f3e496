"""What the API answers and webhooks carry: one Struct for each resource gives its JSON, its JSON Schema and its example."""
