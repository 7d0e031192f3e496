"""What each resource of the native API takes and answers."""
