"""What a job is, and the record that decides. Importing this package loads neither Redis nor Celery."""
