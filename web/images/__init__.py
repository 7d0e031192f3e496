"""Images that the service draws or converts itself."""
