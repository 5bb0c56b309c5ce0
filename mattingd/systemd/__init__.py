"""The unit files of the service."""
