"""The routes of the page and the API."""
